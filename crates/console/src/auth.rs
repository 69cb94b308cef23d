//! Who is asking: the credential of a request, and whether it may do this.

use http::{HeaderMap, StatusCode, header};
use lapwing_core::{Credential, May};

use crate::Desk;
use crate::answer::Refusal;

/// Where a credential stands if `Authorization` is a visitor's, as a proxy passes it on.
pub(crate) const CREDENTIAL: &str = "x-desk-credential";

/// The longest secret that is looked up.
const LONGEST: usize = 128;

const HINT: &str = "send `Authorization: Bearer SECRET`; `lapwing credential add` makes one";

/// The credential of a request, if it may do this.
pub(crate) async fn admit(
    desk: &Desk,
    headers: &HeaderMap,
    may: May,
) -> Result<Credential, Refusal> {
    let secret = secret(headers)
        .ok_or_else(|| Refusal::new(StatusCode::UNAUTHORIZED, "no credential was sent", HINT))?;
    let (ledger, secret) = (std::sync::Arc::clone(&desk.ledger), secret.to_owned());
    let found = tokio::task::spawn_blocking(move || ledger.credential(&secret)).await;
    let found = match found {
        Ok(Ok(found)) => found,
        Ok(Err(error)) => return Err(Refusal::failed(&error)),
        Err(error) => return Err(Refusal::failed(&error)),
    };
    let credential = found.ok_or_else(|| {
        Refusal::new(
            StatusCode::UNAUTHORIZED,
            "the credential is unknown or was revoked",
            HINT,
        )
    })?;
    if credential.may != may {
        return Err(Refusal::new(
            StatusCode::FORBIDDEN,
            format!("this credential may {}, not {may}", credential.may),
            "`lapwing credential add NAME --may ...` makes one that may",
        ));
    }
    Ok(credential)
}

/// The secret that a request shows, if it shows one.
pub(crate) fn secret(headers: &HeaderMap) -> Option<&str> {
    let own = headers
        .get(CREDENTIAL)
        .and_then(|value| value.to_str().ok());
    let bearer = || {
        let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
        let (scheme, secret) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then_some(secret)
    };
    own.or_else(bearer)
        .map(str::trim)
        .filter(|secret| (1..=LONGEST).contains(&secret.len()))
}
