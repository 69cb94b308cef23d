//! JSON, for programs: the findings as they are, under the schema `schema/report-1.json`.

use crate::findings::Findings;
use crate::{Format, Profile, Report, ReportError};

/// The format.
pub(crate) const FORMAT: Format = Format {
    name: "json",
    summary: "everything, for programs (schema lapwing-report/1)",
    extension: "json",
    render,
};

fn render(report: &Report, profile: Profile) -> Result<Vec<u8>, ReportError> {
    let mut out = serde_json::to_vec_pretty(&Findings::derive(report, profile))?;
    out.push(b'\n');
    Ok(out)
}
