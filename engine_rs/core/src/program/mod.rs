//! To be filled: program.
