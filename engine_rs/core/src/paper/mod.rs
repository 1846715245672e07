//! To be filled: paper.
