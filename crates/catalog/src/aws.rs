//! AWS access key ids carry an account number. After the four-letter prefix come 80 bits in base 32:
//! one that marks the generation, 40 of account, 39 free (reference: realism, section 5).

use data_encoding::BASE32_NOPAD;

use crate::clean::looks_made_up;
use crate::dice::Dice;
use crate::fit::Fit;

/// Accounts that secret scanners know as those of canary services: never minted.
const KNOWN_CANARY_ACCOUNTS: &[u64] = &[
    52_310_077_262,
    171_436_882_533,
    534_261_010_715,
    595_918_472_158,
    717_712_589_309,
    819_147_034_852,
    992_382_622_183,
    730_335_385_048,
    266_735_846_894,
    893_192_397_702,
    44_858_866_125,
    251_535_659_677,
    344_043_088_457,
    351_906_852_752,
    390_477_818_340,
    426_127_672_474,
    427_150_556_519,
    439_872_796_651,
    445_142_720_921,
    465_867_158_099,
    637_958_123_769,
    693_412_236_332,
    732_624_840_810,
    735_421_457_923,
    959_235_150_393,
    982_842_642_351,
];

const LARGEST_ACCOUNT: u64 = 999_999_999_999;

/// An account number that no scanner takes for a canary service's.
pub(crate) fn draw_account(dice: &mut Dice<'_>) -> u64 {
    loop {
        let bytes = dice.bytes::<8>();
        let account = u64::from_be_bytes(bytes) >> 24;
        if (100_000_000_000..=LARGEST_ACCOUNT).contains(&account)
            && is_usable(account)
            && !looks_made_up(&draw_key_body(account, dice).as_bytes()[..9])
        {
            return account;
        }
    }
}

/// The 16 characters after the prefix, for an account.
pub(crate) fn draw_key_body(account: u64, dice: &mut Dice<'_>) -> String {
    let free = u64::from_be_bytes(dice.bytes::<8>());
    let mut bits: u128 = 1 << 79;
    bits |= u128::from(account & 0xff_ffff_ffff) << 39;
    bits |= u128::from(free & 0x7f_ffff_ffff);
    // Bit 92 of the whole id is set in three of four real ones: bit 72 of these 80.
    let mark = 1u128 << (79 - 72);
    bits = if dice.below(4) == 0 {
        bits & !mark
    } else {
        bits | mark
    };
    BASE32_NOPAD.encode(&bits.to_be_bytes()[6..])
}

/// The account inside the 16 characters; `None` if they are no new-generation body.
pub(crate) fn account_of(body: &str) -> Option<u64> {
    let bytes = BASE32_NOPAD.decode(body.as_bytes()).ok()?;
    let bytes: [u8; 10] = bytes.try_into().ok()?;
    let mut wide = [0; 16];
    wide[6..].copy_from_slice(&bytes);
    let bits = u128::from_be_bytes(wide);
    (bits >> 79 == 1).then(|| u64::try_from(bits >> 39 & 0xff_ffff_ffff).unwrap_or(u64::MAX))
}

pub(crate) fn fit_key_body(body: &str) -> Fit {
    match account_of(body) {
        None => Fit::No,
        Some(account) if account > LARGEST_ACCOUNT || !is_usable(account) => Fit::Shape,
        Some(_) => Fit::Full,
    }
}

pub(crate) fn fit_account(text: &str) -> Fit {
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Fit::No;
    }
    match text.parse() {
        Ok(account) if is_usable(account) => Fit::Full,
        _ => Fit::Shape,
    }
}

fn is_usable(account: u64) -> bool {
    account != 0 && !KNOWN_CANARY_ACCOUNTS.contains(&account)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_account_comes_back_out() {
        let mut rng = rand::rng();
        let mut dice = Dice::new(&mut rng);
        for _ in 0..2000 {
            let account = draw_account(&mut dice);
            let body = draw_key_body(account, &mut dice);
            assert_eq!(body.len(), 16);
            assert_eq!(account_of(&body), Some(account));
            assert_eq!(fit_key_body(&body), Fit::Full);
        }
    }

    #[test]
    fn decodes_as_published_decoders_do() {
        // A documented sample: ASIAQNZGKIQY56JQ7WML belongs to account 029608264753.
        assert_eq!(account_of("QNZGKIQY56JQ7WML"), Some(29_608_264_753));
        assert_eq!(account_of("IOSFODNN7EXAMPLE"), None);
        assert_eq!(fit_account("052310077262"), Fit::Shape);
    }
}
