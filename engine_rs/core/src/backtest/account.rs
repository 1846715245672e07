//! Cash and position, and the identities that must hold of them.

use crate::math::Sum;

/// Cash and one signed position.
#[derive(Clone, Debug)]
pub struct Account {
    /// Cash; a short sale adds to it.
    pub cash_quote: f64,
    /// Position; negative when short.
    pub position_base: f64,
    initial_quote: f64,
    fees_quote: Sum,
    /// Paid for holding, less what it earned.
    financing_quote: Sum,
    /// Value of all that was bought, less that of all that was sold.
    bought_quote: Sum,
    realised_quote: Sum,
    /// Largest amount that has passed through, for what rounding may have lost.
    largest_quote: f64,
}

impl Account {
    /// An account that holds nothing but cash.
    pub fn new(initial_quote: f64) -> Self {
        Self {
            cash_quote: initial_quote,
            position_base: 0.0,
            initial_quote,
            fees_quote: Sum::default(),
            financing_quote: Sum::default(),
            bought_quote: Sum::default(),
            realised_quote: Sum::default(),
            largest_quote: initial_quote,
        }
    }

    /// Cash and position at this price.
    #[inline]
    pub fn equity_quote(&self, price_quote: f64) -> f64 {
        self.cash_quote + self.position_base * price_quote
    }

    /// Books one fill of a signed quantity. Equity at the fill price falls by the fee and by
    /// nothing else.
    pub fn book(&mut self, quantity_base: f64, price_quote: f64, fee_quote: f64) {
        assert!(price_quote > 0.0);
        assert!(fee_quote >= 0.0);
        let equity_before = self.equity_quote(price_quote);
        let value_quote = quantity_base * price_quote;
        self.cash_quote -= value_quote + fee_quote;
        self.position_base += quantity_base;
        self.fees_quote.add(fee_quote);
        self.bought_quote.add(value_quote);
        let passed = value_quote.abs().max(self.cash_quote.abs()).max(equity_before.abs());
        self.largest_quote = self.largest_quote.max(passed);
        let equity_after = self.equity_quote(price_quote);
        self.assert_equal(equity_before - fee_quote, equity_after);
    }

    /// Books what holding has cost, or earned when it is negative.
    pub fn finance(&mut self, cost_quote: f64) {
        self.largest_quote = self.largest_quote.max(self.cash_quote.abs()).max(cost_quote.abs());
        self.cash_quote -= cost_quote;
        self.financing_quote.add(cost_quote);
    }

    /// Books what a quantity that was closed gained on its prices, before fees.
    pub fn realise(&mut self, profit_quote: f64) {
        self.realised_quote.add(profit_quote);
    }

    /// Asserts that equity is what was put in, plus what was won, less what was paid;
    /// `open_value_quote` is what the open position was bought for, signed.
    pub fn check(&mut self, price_quote: f64, open_value_quote: f64) {
        let unrealised = self.position_base * price_quote - open_value_quote;
        self.largest_quote = self.largest_quote.max((self.position_base * price_quote).abs());
        let paid = self.fees_quote.value() + self.financing_quote.value();
        let expected = self.initial_quote + self.realised_quote.value() + unrealised - paid;
        self.assert_equal(expected, self.equity_quote(price_quote));
    }

    /// Asserts that from this account to `after`, one close later, equity changed by what the
    /// position did and what was traded, less fees and financing.
    pub fn assert_carried(&self, after: &Self, close_before: f64, close_quote: f64) {
        let held = self.position_base * (close_quote - close_before);
        let traded_base = after.position_base - self.position_base;
        let traded =
            traded_base * close_quote - (after.bought_quote.value() - self.bought_quote.value());
        let fees = after.fees_quote.value() - self.fees_quote.value();
        let financing = after.financing_quote.value() - self.financing_quote.value();
        let change = after.equity_quote(close_quote) - self.equity_quote(close_before);
        let slack_base = self.position_base.abs().max(after.position_base.abs());
        if slack_base * close_quote.max(close_before) <= 1e3 * after.largest_quote {
            after.assert_equal(held + traded - fees - financing, change);
        }
    }

    /// Asserts that two amounts agree but for rounding. Amounts that are not finite are no
    /// accounting error: the metrics then say `NON_FINITE`.
    pub fn assert_equal(&self, expected: f64, found: f64) {
        let slack = 1e-9 * self.largest_quote.max(1.0);
        let difference = (expected - found).abs();
        assert!(
            !(difference > slack && difference.is_finite()),
            "expected {expected}, found {found} with slack {slack}"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_round_trip_leaves_profit_less_fees() {
        let mut account = Account::new(1_000.0);
        account.book(2.0, 100.0, 1.0);
        assert_eq!((account.cash_quote, account.position_base), (799.0, 2.0));
        account.check(110.0, 200.0);
        account.book(-2.0, 105.0, 1.0);
        account.realise(10.0);
        account.check(50.0, 0.0);
        assert_eq!((account.cash_quote, account.position_base), (1_008.0, 0.0));
    }

    #[test]
    #[should_panic(expected = "found 1008")]
    fn a_profit_that_was_not_made_is_noticed() {
        let mut account = Account::new(1_000.0);
        account.book(2.0, 100.0, 1.0);
        account.book(-2.0, 105.0, 1.0);
        account.realise(10.1);
        account.check(50.0, 0.0);
    }
}
