//! The start-up self-test: whether this machine computes as every other.
//!
//! What depends on the answer is named by it: a machine that fails makes artefacts of its own.

mod known;

use crate::canonical::sha256_hex;
use crate::math::{exp, exp_each, ln, ln_each, pow};
use std::sync::OnceLock;

/// Name of the implementation whose answers are known.
const PINNED: &str = "libm-0.2.16";

/// Name for every other.
const FOREIGN: &str = "foreign";

/// What the self-test found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    /// `libm-0.2.16`, or `foreign` where any answer differs.
    pub name: &'static str,
    /// Beginning of the digest of the answers found; tells two foreign machines apart.
    pub digest: String,
}

impl Profile {
    /// Whether every answer was the known one.
    pub fn is_pinned(&self) -> bool {
        self.name == PINNED
    }

    /// `version`, and after it whatever must keep this machine's artefacts from those of others.
    pub fn mark(&self, version: &str) -> String {
        if self.is_pinned() {
            return version.to_owned();
        }
        format!("{version}.{}.{}", self.name, self.digest)
    }
}

/// Arguments and answers of each function, as bits.
struct Known<'a> {
    exp: &'a [[u64; 2]],
    ln: &'a [[u64; 2]],
    pow: &'a [[u64; 3]],
}

/// What the self-test found on this machine; it is run when first asked for.
pub fn libm_profile() -> &'static Profile {
    static FOUND: OnceLock<Profile> = OnceLock::new();
    FOUND.get_or_init(|| tested(&Known { exp: &known::EXP, ln: &known::LN, pow: &known::POW }))
}

/// Asks every question of the table again, one by one and by the array.
fn tested(known: &Known<'_>) -> Profile {
    let mut pairs: Vec<(u64, u64)> = Vec::new();
    let by_array = |each: fn(&mut [f64]), x: f64| {
        let mut values = [x];
        each(&mut values);
        values[0].to_bits()
    };
    for [x, answer] in known.exp {
        let x = f64::from_bits(*x);
        pairs.push((*answer, exp(x).to_bits()));
        pairs.push((*answer, by_array(exp_each, x)));
    }
    for [x, answer] in known.ln {
        let x = f64::from_bits(*x);
        pairs.push((*answer, ln(x).to_bits()));
        if x.is_normal() {
            pairs.push((*answer, by_array(ln_each, x)));
        }
    }
    for [x, y, answer] in known.pow {
        pairs.push((*answer, pow(f64::from_bits(*x), f64::from_bits(*y)).to_bits()));
    }
    let is_pinned = pairs.iter().all(|(answer, found)| answer == found);
    let found: Vec<u8> = pairs.iter().flat_map(|(_, found)| found.to_le_bytes()).collect();
    let digest = sha256_hex(&found)[..12].to_owned();
    Profile { name: if is_pinned { PINNED } else { FOREIGN }, digest }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Known answers that a test may spoil.
    type Answers = (Vec<[u64; 2]>, Vec<[u64; 2]>, Vec<[u64; 3]>);

    fn table() -> Answers {
        (known::EXP.to_vec(), known::LN.to_vec(), known::POW.to_vec())
    }

    fn found((exp, ln, pow): &Answers) -> Profile {
        tested(&Known { exp, ln, pow })
    }

    #[test]
    fn this_machine_computes_as_every_other() {
        assert_eq!(libm_profile().name, "libm-0.2.16");
        assert_eq!(libm_profile(), &found(&table()));
        assert_eq!(libm_profile().mark("0.1.0+abc"), "0.1.0+abc");
    }

    #[test]
    fn a_single_wrong_bit_in_any_answer_makes_a_machine_foreign() {
        for place in 0..64 {
            for function in 0..3 {
                let mut wrong = table();
                match function {
                    0 => wrong.0[place][1] ^= 1,
                    1 => wrong.1[place][1] ^= 1,
                    _ => wrong.2[place][2] ^= 1,
                }
                assert_eq!(found(&wrong).name, "foreign", "{function} {place}");
            }
        }
    }

    #[test]
    fn two_foreign_machines_share_no_version() {
        let version =
            |digest: &str| Profile { name: FOREIGN, digest: digest.to_owned() }.mark("0.1.0+abc");
        assert_eq!(version("12"), "0.1.0+abc.foreign.12");
        assert_ne!(version("12"), version("13"));
        // Other answers have another digest.
        let mut other = table();
        other.0[3][0] = other.0[2][0];
        assert_ne!(found(&other).digest, found(&table()).digest);
    }
}
