//! What someone who knows the vendors' formats makes of a value: whose it is, and whether its checksum
//! is right.

use crate::catalog::Catalog;
use crate::fit::Fit;

/// A field that a value has the shape of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judgement<'a> {
    /// The kind.
    pub kind: &'a str,
    /// Its field.
    pub field: &'a str,
    /// Whether the checksum is right, or there is none. For an AWS key id: whether the account in it
    /// can exist and is on no public list of canary services.
    pub right: bool,
}

impl Catalog {
    /// The fields whose shape, told by it alone, a value has.
    #[must_use]
    pub fn judge(&self, value: &str) -> Vec<Judgement<'_>> {
        let fields = self
            .kinds()
            .flat_map(|kind| kind.fields.iter().map(move |field| (kind, field)));
        fields
            .filter_map(|(kind, field)| {
                let shapes = field.shapes.iter().filter(|shape| shape.is_distinctive());
                let fit = shapes.map(|shape| shape.fit(value)).max()?;
                (fit > Fit::No).then_some(Judgement {
                    kind: &kind.id,
                    field: &field.name,
                    right: fit == Fit::Full,
                })
            })
            .collect()
    }
}
