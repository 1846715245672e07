//! Tests of the stack as a whole: what must hold of every run, and what each fault must bring.

mod document;
mod faults;
mod gate;
mod laws;
mod refusals;
mod venue;

use super::code::Kind;
use super::kernel::Kernel;
use super::log::Event;
use super::market::Market;
use super::universe::Universe;
use serde_json::Value;

/// Runs a universe and keeps all of it.
fn ran(document: &Value) -> Kernel {
    let universe = Universe::read(document).expect("the test's document is sound");
    let market = Market::generate(&universe).expect("the test's market can be made");
    let mut kernel = Kernel::new(universe, market);
    kernel.run();
    kernel
}

fn events(kernel: &Kernel, kind: Kind) -> impl Iterator<Item = &Event> {
    kernel.desk.log.events().iter().filter(move |event| event.kind == kind)
}
