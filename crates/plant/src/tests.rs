//! Tests of the planting core over a corpus of real-looking files.
