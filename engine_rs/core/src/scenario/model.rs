//! What a family is told of a bar before its increments are made, and what it says of it.
//!
//! How the increments become prices does not belong here.

/// One basis point.
pub(super) const BPS: f64 = 1e-4;

/// One bar as its model is told of it, before its increments are made.
#[derive(Clone, Copy, Debug)]
pub(super) struct BarDraws<'a> {
    /// Number of the bar in its path.
    pub bar_index: usize,
    /// Length in nominal bars: 1, less for the short last bar of a session.
    pub length: f64,
    /// What overlays leave of the predictable part of the increments.
    pub edge: f64,
    /// By how much overlays widen the increments; no model feeds on it.
    pub volatility: f64,
    /// What overlays add to the log price over the bar.
    pub drift: f64,
    /// One draw of variance one for each sub-step.
    pub z: &'a [f64],
}

/// Where a model writes the sub-steps of one bar; the slices have one length.
pub(super) struct Steps<'a> {
    /// Log price at the open of the bar, after any gap.
    pub x: f64,
    /// Log price at the beginning of each sub-step.
    pub from: &'a mut [f64],
    /// Log price at its end.
    pub to: &'a mut [f64],
    /// Its variance; what the bridge between its ends needs.
    pub variance: &'a mut [f64],
}

/// A bar as its model knew it beforehand.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Outlook {
    /// Mean of the log return from the open, overlays included.
    pub mean: f64,
    /// Standard deviation of the same, overlays included.
    pub deviation: f64,
    /// Mean and variance of the jump that might have come at the open; 0 without jumps.
    pub jump_mean: f64,
    pub jump_variance: f64,
    /// Log return that the model's own draws came to, in units of their standard deviation; what
    /// volume follows.
    pub surprise: f64,
    /// State of a model that has states.
    pub state: u8,
}

/// A family's increments along one path.
pub(super) trait Model {
    /// Standard deviation of a whole nominal bar that begins now; sets the size of opening gaps.
    fn deviation(&self) -> f64;

    /// Jump of the log price at the open of bar number `bar_index`, which comes next.
    fn jump(&mut self, _bar_index: usize) -> f64 {
        0.0
    }

    /// The part of a session's opening gap that the model itself brings, beside that of its
    /// deviation: what it shares with other assets.
    fn shared_gap(&self, _bar_index: usize) -> f64 {
        0.0
    }

    /// Takes note of the gap with which a session opens, for a model that knows its price; gaps of
    /// overlays it is not told.
    fn reopen(&mut self, _gap: f64) {}

    /// Walks through the coming bar.
    fn bar(&mut self, bar: &BarDraws<'_>, steps: &mut Steps<'_>) -> Outlook;
}

/// The law of a bar whose sub-steps all have one: mean and deviation of the whole bar.
#[derive(Clone, Copy, Debug)]
pub(super) struct Even {
    /// What the past foretells of the log return.
    pub predictable: f64,
    /// What is added besides, such as the correction of a mean of logarithms.
    pub constant: f64,
    /// Standard deviation of the log return.
    pub deviation: f64,
}

impl Even {
    /// Walks through the bar; gives the model's own log return, overlays left out, and the rest.
    #[inline]
    pub fn walk(&self, bar: &BarDraws<'_>, steps: &mut Steps<'_>) -> (f64, Outlook) {
        let n = bar.z.len() as f64;
        let scale = self.deviation / n.sqrt();
        let own_mean = (self.predictable + self.constant) / n;
        let mean = bar.edge * self.predictable + self.constant + bar.drift;
        let step_mean = mean / n;
        let wide = scale * bar.volatility;
        let deviation = self.deviation * bar.volatility;
        let variance = deviation * deviation / n;
        let (mut x, mut own) = (steps.x, 0.0);
        let ends = steps.from.iter_mut().zip(steps.to.iter_mut());
        for (((from, to), v), z) in ends.zip(steps.variance.iter_mut()).zip(bar.z) {
            *from = x;
            own += own_mean + scale * z;
            x += step_mean + wide * z;
            *to = x;
            *v = variance;
        }
        let outlook =
            Outlook { mean, deviation, surprise: own / self.deviation, ..Outlook::default() };
        (own, outlook)
    }
}
