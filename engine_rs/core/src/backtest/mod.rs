//! To be filled: backtest.
