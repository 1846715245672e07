//! The only generator of the engine: Philox4x64-10 addressed by what a draw is for.
//!
//! Any draw is a pure function of its address, so threads, chunks and the order of asking cannot
//! change a result. There is no state to pass on and nothing to seed twice.
//!
//! Source: Salmon, Moraes, Dror and Shaw (2011), "Parallel random numbers: as easy as 1, 2, 3", SC.

use sha2::{Digest, Sha256};

use crate::EngineError;

const MULTIPLIERS: [u64; 2] = [0xD2E7_470E_E14C_6C93, 0xCA5A_8263_9512_1157];
const WEYL: [u64; 2] = [0x9E37_79B9_7F4A_7C15, 0xBB67_AE85_84CA_A73B];
const ROUNDS: usize = 10;

/// Four words for one counter under one key.
#[inline(always)]
pub fn philox(counter: [u64; 4], key: [u64; 2]) -> [u64; 4] {
    let mut c = counter;
    let mut k = key;
    for round in 0..ROUNDS {
        if round > 0 {
            k = [k[0].wrapping_add(WEYL[0]), k[1].wrapping_add(WEYL[1])];
        }
        let p0 = u128::from(MULTIPLIERS[0]) * u128::from(c[0]);
        let p1 = u128::from(MULTIPLIERS[1]) * u128::from(c[2]);
        c = [
            (p1 >> 64) as u64 ^ c[1] ^ k[0],
            p1 as u64,
            (p0 >> 64) as u64 ^ c[3] ^ k[1],
            p0 as u64,
        ];
    }
    c
}

/// What a draw is for; part of its address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
#[allow(missing_docs)]
pub enum Purpose {
    Diffusion = 0,
    JumpEvent = 1,
    JumpSize = 2,
    Vol = 3,
    Regime = 4,
    Intrabar = 5,
    Volume = 6,
    Bootstrap = 7,
    Execution = 8,
    Agents = 9,
    Evolution = 10,
    Tournament = 11,
    RandomEntry = 12,
}

impl Purpose {
    /// Every purpose by the name that a caller outside the engine gives it.
    const NAMES: [(&'static str, Self); 13] = [
        ("diffusion", Self::Diffusion),
        ("jump_event", Self::JumpEvent),
        ("jump_size", Self::JumpSize),
        ("vol", Self::Vol),
        ("regime", Self::Regime),
        ("intrabar", Self::Intrabar),
        ("volume", Self::Volume),
        ("bootstrap", Self::Bootstrap),
        ("execution", Self::Execution),
        ("agents", Self::Agents),
        ("evolution", Self::Evolution),
        ("tournament", Self::Tournament),
        ("random_entry", Self::RandomEntry),
    ];

    /// The purpose of that name.
    ///
    /// # Errors
    ///
    /// There is none.
    pub fn named(name: &str) -> Result<Self, EngineError> {
        let found = Self::NAMES.iter().find(|(known, _)| *known == name);
        found.map(|(_, purpose)| *purpose).ok_or_else(|| EngineError::UnknownName {
            kind: "purpose",
            name: name.to_owned(),
            known: Self::NAMES.map(|(known, _)| known).to_vec(),
        })
    }
}

/// Most draws of one request: a request is answered whole, in memory.
pub const DRAWS_MAX: usize = 1 << 24;

/// Draws `start` to `start + n - 1` in (0, 1) that belong to no scenario.
///
/// The key is the seed and the purpose's own name in the family's place; the counter's high words
/// are `lane`, 0 and the purpose.
///
/// # Errors
///
/// The purpose is unknown, or more than [`DRAWS_MAX`] are asked for.
pub fn uniforms(
    seed: u64,
    purpose: &str,
    lane: u64,
    start: u64,
    n: usize,
) -> Result<Vec<f64>, EngineError> {
    let high = [lane, 0, Purpose::named(purpose)? as u64];
    // A block has four draws, so the last index that has an address is far beyond any request.
    if n > DRAWS_MAX || start > u64::MAX / 2 {
        return Err(EngineError::Field {
            path: "draws".to_owned(),
            got: format!("{n} from {start}"),
            expected: format!("at most {DRAWS_MAX}, from below 2^63"),
        });
    }
    let mut draws = vec![0.0; n];
    Stream::new([seed, family_key(purpose)], high).fill_uniforms(start, &mut draws);
    Ok(draws)
}

/// The same draws as standard normals, one for one.
///
/// # Errors
///
/// As [`uniforms`].
pub fn normals(
    seed: u64,
    purpose: &str,
    lane: u64,
    start: u64,
    n: usize,
) -> Result<Vec<f64>, EngineError> {
    let mut draws = uniforms(seed, purpose, lane, start, n)?;
    normal_each(&mut draws);
    Ok(draws)
}

/// Second word of the key: 64 bits of the hash of the family's (or purpose's) name.
pub fn family_key(family: &str) -> u64 {
    let digest = Sha256::digest(format!("spg-rng-v1:{family}").as_bytes());
    u64::from_le_bytes(digest[..8].try_into().expect("a SHA-256 digest has 32 bytes"))
}

/// An endless series of draws: key and counter are fixed but for the index of the draw.
#[derive(Clone, Copy, Debug)]
pub struct Stream {
    key: [u64; 2],
    high: [u64; 3],
}

impl Stream {
    /// The series for one purpose of one asset on one path of a scenario.
    pub fn scenario(seed: u64, family: u64, path: u64, asset: u64, purpose: Purpose) -> Self {
        Self::new([seed, family], [path, asset, purpose as u64])
    }

    /// The series under `key` whose counter is `[index div 4, high…]`.
    pub fn new(key: [u64; 2], high: [u64; 3]) -> Self {
        Self { key, high }
    }

    /// Draws `4·block` to `4·block + 3`.
    #[inline(always)]
    pub fn block(&self, block: u64) -> [u64; 4] {
        philox([block, self.high[0], self.high[1], self.high[2]], self.key)
    }

    /// 64 random bits: draw number `index`.
    #[inline]
    pub fn bits(&self, index: u64) -> u64 {
        self.block(index / 4)[(index % 4) as usize]
    }

    /// Draw number `index` as a number in the open interval (0, 1).
    #[inline]
    pub fn uniform(&self, index: u64) -> f64 {
        uniform(self.bits(index))
    }

    /// Draw number `index` as a standard normal.
    #[inline]
    pub fn normal(&self, index: u64) -> f64 {
        normal(self.uniform(index))
    }

    /// Draws `start`, `start + 1`, … as standard normals, one for each slot of `out`.
    pub fn fill_normals(&self, start: u64, out: &mut [f64]) {
        self.fill_uniforms(start, out);
        normal_each(out);
    }

    /// Draws `start`, `start + 1`, … as numbers in (0, 1), one for each slot of `out`.
    pub fn fill_uniforms(&self, start: u64, out: &mut [f64]) {
        // A start within a block: the rest of that block first, then whole blocks.
        let head = out.len().min(((4 - start % 4) % 4) as usize);
        let (head, body) = out.split_at_mut(head);
        for (index, slot) in (start..).zip(head.iter_mut()) {
            *slot = self.uniform(index);
        }
        let first = (start + head.len() as u64) / 4;
        for (block, slots) in (first..).zip(body.chunks_mut(4)) {
            for (slot, bits) in slots.iter_mut().zip(self.block(block)) {
                *slot = uniform(bits);
            }
        }
    }
}

/// Uniform draws of a stream for whoever takes them one after another: they are made by the block.
#[derive(Clone, Debug)]
pub struct Uniforms {
    stream: Stream,
    /// Index of the first draw that is held; none are before the first is asked for.
    first: Option<u64>,
    held: [f64; Self::HELD as usize],
}

impl Uniforms {
    const HELD: u64 = 64;

    /// The draws of `stream`.
    pub fn new(stream: Stream) -> Self {
        Self { stream, first: None, held: [0.0; Self::HELD as usize] }
    }

    /// Draw number `index`, whatever was asked for before: the bits of [`Stream::uniform`].
    #[inline]
    pub fn get(&mut self, index: u64) -> f64 {
        let first = index - index % Self::HELD;
        if self.first != Some(first) {
            self.stream.fill_uniforms(first, &mut self.held);
            self.first = Some(first);
        }
        self.held[(index % Self::HELD) as usize]
    }
}

/// 64 random bits as a number in the open interval (0, 1), exact, with 1 − u on the same grid.
///
/// 52 bits and a half: with 53 the largest value would round to 1, and its normal to infinity.
#[inline]
pub fn uniform(bits: u64) -> f64 {
    const TWO_POW_MINUS_52: f64 = 1.0 / (1_u64 << 52) as f64;
    ((bits >> 12) as f64 + 0.5) * TWO_POW_MINUS_52
}

/// Standard normal quantile of `p`, which must lie in (0, 1).
///
/// One uniform for each normal, so that the count of draws never depends on their values.
///
/// Source: Wichura (1988), "Algorithm AS 241: the percentage points of the normal distribution"
/// (PPND16), Applied Statistics 37.
pub fn normal(p: f64) -> f64 {
    let q = p - 0.5;
    if q.abs() <= 0.425 {
        let r = 0.180_625 - q * q;
        return q * ratio(r, &CENTRE);
    }
    let tail = if q < 0.0 { p } else { 1.0 - p };
    let r = (-crate::math::ln(tail)).sqrt();
    let z = if r <= 5.0 { ratio(r - 1.6, &MIDDLE) } else { ratio(r - 5.0, &FAR) };
    if q < 0.0 { -z } else { z }
}

/// Replaces every value by its standard normal quantile: the bits of [`normal`].
///
/// The middle 85 % share one formula, which is taken for all; the tails are then gathered and
/// done again, so that no branch depends on a draw.
pub fn normal_each(values: &mut [f64]) {
    const BATCH: usize = 256;
    const FAR_BELOW: f64 = 1.5e-11; // e^-25 = 1.39e-11
    let mut tails = [0.0; BATCH];
    let mut places = [0_u16; BATCH];
    for values in values.chunks_mut(BATCH) {
        let mut count = 0;
        for (place, p) in values.iter().enumerate() {
            let q = p - 0.5;
            tails[count] = *p;
            places[count] = place as u16;
            count += usize::from(q.abs() > 0.425);
        }
        for p in values.iter_mut() {
            let q = *p - 0.5;
            *p = q * ratio(0.180_625 - q * q, &CENTRE);
        }
        let tails = &tails[..count];
        let mut r = [0.0; BATCH];
        let r = &mut r[..count];
        for (r, p) in r.iter_mut().zip(tails) {
            *r = if p - 0.5 < 0.0 { *p } else { 1.0 - p };
        }
        crate::math::ln_each(r);
        for (r, p) in r.iter_mut().zip(tails) {
            *r = (-*r).sqrt();
            *r = ratio(*r - 1.6, &MIDDLE).copysign(p - 0.5);
        }
        for ((z, p), place) in r.iter().zip(tails).zip(&places) {
            // Beyond e^-25 lies one draw in 10^11, which MIDDLE does not fit.
            let is_far = p.min(1.0 - p) < FAR_BELOW;
            values[usize::from(*place)] = if is_far { normal(*p) } else { *z };
        }
    }
}

/// Coefficients of numerator and denominator, highest power first.
type Rational = ([f64; 8], [f64; 8]);

#[inline]
fn ratio(r: f64, (numerator, denominator): &Rational) -> f64 {
    let horner = |c: &[f64; 8]| c[1..].iter().fold(c[0], |acc, k| acc * r + k);
    horner(numerator) / horner(denominator)
}

#[allow(clippy::excessive_precision)] // as printed in the source
const CENTRE: Rational = (
    [
        2.5090809287301226727e3,
        3.3430575583588128105e4,
        6.7265770927008700853e4,
        4.5921953931549871457e4,
        1.3731693765509461125e4,
        1.9715909503065514427e3,
        1.3314166789178437745e2,
        3.3871328727963666080e0,
    ],
    [
        5.2264952788528545610e3,
        2.8729085735721942674e4,
        3.9307895800092710610e4,
        2.1213794301586595867e4,
        5.3941960214247511077e3,
        6.8718700749205790830e2,
        4.2313330701600911252e1,
        1.0,
    ],
);
#[allow(clippy::excessive_precision)] // as printed in the source
const MIDDLE: Rational = (
    [
        7.74545014278341407640e-4,
        2.27238449892691845833e-2,
        2.41780725177450611770e-1,
        1.27045825245236838258e0,
        3.64784832476320460504e0,
        5.76949722146069140550e0,
        4.63033784615654529590e0,
        1.42343711074968357734e0,
    ],
    [
        1.05075007164441684324e-9,
        5.47593808499534494600e-4,
        1.51986665636164571966e-2,
        1.48103976427480074590e-1,
        6.89767334985100004550e-1,
        1.67638483018380384940e0,
        2.05319162663775882187e0,
        1.0,
    ],
);
#[allow(clippy::excessive_precision)] // as printed in the source
const FAR: Rational = (
    [
        2.01033439929228813265e-7,
        2.71155556874348757815e-5,
        1.24266094738807843860e-3,
        2.65321895265761230930e-2,
        2.96560571828504891230e-1,
        1.78482653991729133580e0,
        5.46378491116411436990e0,
        6.65790464350110377720e0,
    ],
    [
        2.04426310338993978564e-15,
        1.42151175831644588870e-7,
        1.84631831751005468180e-5,
        7.86869131145613259100e-4,
        1.48753612908506148525e-2,
        1.36929880922735805310e-1,
        5.99832206555887937690e-1,
        1.0,
    ],
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn philox_gives_the_published_answers() {
        // The known answers that come with the authors' own implementation, Random123.
        let pi = [
            0x243f_6a88_85a3_08d3,
            0x1319_8a2e_0370_7344,
            0xa409_3822_299f_31d0,
            0x082e_fa98_ec4e_6c89,
        ];
        for (counter, key, words) in [
            (
                [0; 4],
                [0; 2],
                [
                    0x1655_4d9e_ca36_314c,
                    0xdb20_fe9d_672d_0fdc,
                    0xd7e7_72ce_e186_176b,
                    0x7e68_b68a_ec7b_a23b,
                ],
            ),
            (
                [u64::MAX; 4],
                [u64::MAX; 2],
                [
                    0x87b0_92c3_013f_e90b,
                    0x438c_3c67_be8d_0224,
                    0x9cc7_d7c6_9cd7_77b6,
                    0xa09c_aebf_594f_0ba0,
                ],
            ),
            (
                pi,
                [0x4528_21e6_38d0_1377, 0xbe54_66cf_34e9_0c6c],
                [
                    0xa528_f454_03e6_1d95,
                    0x38c7_2dbd_566e_9788,
                    0xa5a1_610e_72fd_18b5,
                    0x57bd_43b5_e52b_7fe6,
                ],
            ),
        ] {
            assert_eq!(philox(counter, key), words);
        }
    }

    #[test]
    fn the_extreme_words_stay_inside_the_open_interval() {
        for bits in [0, u64::MAX] {
            let u = uniform(bits);
            assert!(0.0 < u && u < 1.0);
            assert!(normal(u).is_finite());
        }
        assert_eq!(1.0 - uniform(0), uniform(u64::MAX));
    }

    #[test]
    fn normal_quantiles_agree_with_tabulated_values() {
        // The three worked values of AS 241.
        for (p, z) in [
            (0.25, -0.674_489_750_196_081_7),
            (0.001, -3.090_232_306_167_814),
            (1e-20, -9.262_340_089_798_408),
        ] {
            assert!((normal(p) - z).abs() < 1e-15 * z.abs(), "{p}: {}", normal(p));
        }
    }

    #[test]
    fn normals_by_the_array_have_the_bits_of_those_one_by_one() {
        let stream = Stream::new([1, 2], [0; 3]);
        let mut values: Vec<f64> = (0..20_000).map(|index| stream.uniform(index)).collect();
        let tail =
            (0..2_000).map(|step| stream.uniform(step) * crate::math::exp(-(step as f64) / 60.0));
        values.extend(
            tail.clone()
                .chain(tail.map(|p| 1.0 - p))
                .filter(|p| (0.0..1.0).contains(p) && *p > 0.0),
        );
        values.extend([0.075, 0.925, uniform(0), uniform(u64::MAX), 1.388e-11, 1.389e-11, 1.5e-11]);
        let mut by_array = values.clone();
        normal_each(&mut by_array);
        for (p, z) in values.iter().zip(&by_array) {
            assert_eq!(z.to_bits(), normal(*p).to_bits(), "{p:e}");
        }
    }

    #[test]
    fn a_stretch_of_draws_equals_the_draws_one_by_one() {
        let stream = Stream::scenario(42, family_key("trend"), 3, 1, Purpose::Diffusion);
        let mut stretch = [0.0; 23];
        stream.fill_uniforms(5, &mut stretch);
        for (offset, value) in stretch.iter().enumerate() {
            assert_eq!(*value, stream.uniform(5 + offset as u64));
        }
    }

    #[test]
    fn draws_of_a_purpose_lie_at_the_address_that_is_written_down() {
        let draws = uniforms(7, "evolution", 5, 3, 6).expect("the purpose is known");
        // Key [seed, K(purpose)], counter [i div 4, lane, 0, purpose], lane of the block i mod 4.
        for (index, draw) in (3_u64..).zip(&draws) {
            let counter = [index / 4, 5, 0, 10];
            let words = philox(counter, [7, family_key("evolution")]);
            assert_eq!(*draw, uniform(words[(index % 4) as usize]));
        }
        let normals = normals(7, "evolution", 5, 3, 6).expect("the purpose is known");
        let expected: Vec<f64> = draws.iter().map(|draw| normal(*draw)).collect();
        assert_eq!(normals, expected);
    }

    #[test]
    fn every_purpose_is_found_by_its_name_and_no_other_is() {
        for (place, (name, purpose)) in Purpose::NAMES.iter().enumerate() {
            assert_eq!(Purpose::named(name).map(|found| found as u64), Ok(place as u64));
            assert_eq!(*purpose as u64, place as u64);
        }
        let refusal = uniforms(1, "luck", 0, 0, 1).expect_err("nothing is left to luck");
        assert_eq!(refusal.code(), "UNKNOWN_NAME");
    }

    #[test]
    fn a_request_without_bound_is_refused() {
        for (start, n) in [(0, DRAWS_MAX + 1), (u64::MAX, 4)] {
            let refusal = uniforms(1, "tournament", 0, start, n).expect_err("too many");
            assert_eq!(refusal.code(), "FIELD_INVALID");
        }
    }

    #[test]
    fn draws_held_by_the_block_equal_the_draws_one_by_one() {
        let stream = Stream::scenario(42, family_key("regime"), 3, 0, Purpose::Regime);
        let mut uniforms = Uniforms::new(stream);
        for index in (0..200).chain([63, 64, 0, 1 << 40, 65]) {
            assert_eq!(uniforms.get(index), stream.uniform(index), "{index}");
        }
    }
}
