//! The same semantics a second time: every bar, one after the other, in the words of the
//! specification and without a thought for speed.

use super::properties::{executions, variants};
use super::*;

#[test]
fn placeholder() {
    assert_eq!(executions().len() * variants().len(), 52);
}
