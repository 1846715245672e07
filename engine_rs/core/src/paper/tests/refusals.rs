//! What is refused of a document, and where it says so.

use super::document::{api_timeout, flash_crash, process_crash, universe};
use crate::EngineError;
use crate::paper::universe::Universe;
use serde_json::{Value, json};

fn refused_at(document: &Value) -> String {
    match Universe::read(document) {
        Err(EngineError::Field { path, .. }) => path,
        other => panic!("{other:?}"),
    }
}

fn set(document: &mut Value, pointer: &str, value: Value) {
    *document.pointer_mut(pointer).unwrap_or_else(|| panic!("{pointer}")) = value;
}

#[test]
fn a_sound_document_is_read() {
    let mut document = universe(1, 3);
    document["injections"] =
        json!([flash_crash(1, 0), process_crash(2, 5), api_timeout(3, 9, 50_000)]);
    let read = Universe::read(&document).unwrap();
    assert_eq!((read.strategies.len(), read.injections.len()), (20, 3));
    assert!(read.keeps_cloid);
}

#[test]
fn whole_numbers_may_be_written_as_doubles() {
    let mut document = universe(1, 3);
    set(&mut document, "/limits/cooldown_ns", json!(1.8e12));
    assert_eq!(Universe::read(&document).unwrap().limits.cooldown_ns, 1_800_000_000_000);
    set(&mut document, "/limits/cooldown_ns", json!(1.5));
    assert_eq!(refused_at(&document), "/limits/cooldown_ns");
}

#[test]
fn a_field_that_is_unknown_missing_or_out_of_range_is_named() {
    type Edit = fn(&mut Value);
    let cases: [(&str, Edit); 14] = [
        ("/surprise", |d| d["surprise"] = json!(1)),
        ("/limits/surprise", |d| d["limits"]["surprise"] = json!(1)),
        ("/limits/collar_ppm", |d| set(d, "/limits/collar_ppm", json!(0))),
        ("/schema", |d| d["schema"] = json!("paper/9")),
        ("/arm", |d| d["arm"] = json!("other")),
        ("/days", |d| d["days"] = json!(0)),
        ("/market/scenario/duration_bars", |d| d["days"] = json!(4)),
        ("/market/scenario/seed", |d| d["market"]["scenario"]["seed"] = json!(1)),
        ("/market/seeds", |d| d["market"]["seeds"] = json!([])),
        ("/strategies/0/instrument", |d| set(d, "/strategies/0/instrument", json!(4))),
        ("/strategies/3/slow_bars", |d| set(d, "/strategies/3/slow_bars", json!(5))),
        ("/controls_off/0", |d| d["controls_off"] = json!(["K99"])),
        ("/injections/0/params/drop_bps", |d| {
            d["injections"] = json!([flash_crash(1, 0)]);
            set(d, "/injections/0/params/drop_bps", json!(10_000));
        }),
        ("/injections/1/inj_id", |d| {
            d["injections"] = json!([process_crash(1, 0), process_crash(1, 5)]);
        }),
    ];
    for (path, edit) in cases {
        let mut document = universe(1, 3);
        edit(&mut document);
        assert_eq!(refused_at(&document), path);
    }
}

#[test]
fn a_missing_field_is_named() {
    let mut document = universe(1, 3);
    document["limits"].as_object_mut().unwrap().remove("book_net_ppm");
    assert_eq!(refused_at(&document), "/limits/book_net_ppm");
}

#[test]
fn every_set_is_in_the_catalogue() {
    let codes = crate::paper::codes();
    assert_eq!(codes["kind"]["ORDER_SENT"], 51);
    assert_eq!(codes["kind"]["EFFECT"], 133);
    assert_eq!(codes["injection"]["D1"], 9);
    assert_eq!(codes["account"]["cash"], 0);
    assert_eq!(codes["limits"].as_array().unwrap().len(), 24);
}
