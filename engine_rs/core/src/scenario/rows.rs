//! Where the bars of one path are written: mutable parts of the columns of a market.

/// Where one path's bars are written: of each column, the bars of one asset after the other.
#[allow(missing_docs)]
pub struct PathRows<'a> {
    pub ts: &'a mut [i64],
    pub known_at: &'a mut [i64],
    pub open: &'a mut [f64],
    pub high: &'a mut [f64],
    pub low: &'a mut [f64],
    pub close: &'a mut [f64],
    pub volume: &'a mut [f64],
    pub hl_order: &'a mut [i8],
    pub flags: &'a mut [u8],
    /// Where to write what the bars do not say, if anyone asked.
    pub latent: Option<LatentRows<'a>>,
}

/// Columns of [`super::Latent`] for one path.
#[allow(missing_docs)]
pub struct LatentRows<'a> {
    pub mean: &'a mut [f64],
    pub deviation: &'a mut [f64],
    pub jump: &'a mut [f64],
    pub state: &'a mut [u8],
}

impl<'a> PathRows<'a> {
    /// The rows of the assets, each of `n_bars`.
    pub(super) fn by_asset(self, n_bars: usize) -> Vec<PathRows<'a>> {
        let mut rest = Some(self);
        let mut parts = Vec::new();
        while let Some(rows) = rest.take() {
            if rows.close.len() == n_bars {
                parts.push(rows);
                break;
            }
            let (part, others) = rows.split_at(n_bars);
            parts.push(part);
            rest = Some(others);
        }
        parts
    }

    fn split_at(self, n: usize) -> (PathRows<'a>, PathRows<'a>) {
        let (ts, ts_rest) = self.ts.split_at_mut(n);
        let (known_at, known_at_rest) = self.known_at.split_at_mut(n);
        let (open, open_rest) = self.open.split_at_mut(n);
        let (high, high_rest) = self.high.split_at_mut(n);
        let (low, low_rest) = self.low.split_at_mut(n);
        let (close, close_rest) = self.close.split_at_mut(n);
        let (volume, volume_rest) = self.volume.split_at_mut(n);
        let (hl_order, hl_order_rest) = self.hl_order.split_at_mut(n);
        let (flags, flags_rest) = self.flags.split_at_mut(n);
        let (latent, latent_rest) = self.latent.map(|latent| latent.split_at(n)).unzip();
        (
            PathRows { ts, known_at, open, high, low, close, volume, hl_order, flags, latent },
            PathRows {
                ts: ts_rest,
                known_at: known_at_rest,
                open: open_rest,
                high: high_rest,
                low: low_rest,
                close: close_rest,
                volume: volume_rest,
                hl_order: hl_order_rest,
                flags: flags_rest,
                latent: latent_rest,
            },
        )
    }
}

impl<'a> LatentRows<'a> {
    fn split_at(self, n: usize) -> (LatentRows<'a>, LatentRows<'a>) {
        let (mean, mean_rest) = self.mean.split_at_mut(n);
        let (deviation, deviation_rest) = self.deviation.split_at_mut(n);
        let (jump, jump_rest) = self.jump.split_at_mut(n);
        let (state, state_rest) = self.state.split_at_mut(n);
        let rest = LatentRows {
            mean: mean_rest,
            deviation: deviation_rest,
            jump: jump_rest,
            state: state_rest,
        };
        (LatentRows { mean, deviation, jump, state }, rest)
    }
}
