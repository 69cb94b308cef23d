//! Passwords in rclone's configuration: obscured with a key that everybody knows, so that they are not read in passing.
//! (<https://github.com/rclone/rclone/blob/master/fs/config/obscure/obscure.go>)

use aes::Aes256;
use aes::cipher::{BlockCipherEncrypt as _, KeyInit as _};
use data_encoding::BASE64URL_NOPAD;

/// What rclone's own source has.
const KEY: [u8; 32] = [
    0x9c, 0x93, 0x5b, 0x48, 0x73, 0x0a, 0x55, 0x4d, 0x6b, 0xfd, 0x7c, 0x63, 0xc8, 0x86, 0xa9,
    0x2b, //
    0xd3, 0x90, 0x19, 0x8e, 0xb8, 0x12, 0x8a, 0xfb, 0xf4, 0xde, 0x16, 0x2b, 0x8b, 0x95, 0xf6, 0x38,
];

/// A password as `rclone obscure` writes it: AES-256 in counter mode behind the first counter.
pub(crate) fn obscured(plain: &str, first: [u8; 16]) -> String {
    let cipher = Aes256::new(&KEY.into());
    let mut out = first.to_vec();
    for (number, chunk) in (0_u128..).zip(plain.as_bytes().chunks(16)) {
        let counter = u128::from_be_bytes(first).wrapping_add(number);
        let mut block = counter.to_be_bytes().into();
        cipher.encrypt_block(&mut block);
        out.extend(chunk.iter().zip(block).map(|(byte, mask)| byte ^ mask));
    }
    BASE64URL_NOPAD.encode(&out)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made by rclone 1.60.
    #[test]
    fn rclone_writes_it_alike() {
        let theirs = "ZmGPyDKt5oRNNWYYmvc6BYCG_nVccCyQDkA2-6Tb";
        let bytes = BASE64URL_NOPAD.decode(theirs.as_bytes()).expect("base 64");
        let first = bytes[..16].try_into().expect("16 bytes");
        assert_eq!(obscured("hunter2hunter2", first), theirs);
    }
}
