//! The widest registers of the machine, for loops that do the same to many values.
//!
//! A function declared with [`widest`] is compiled twice: for every processor of its kind, and for
//! those with AVX2, which work on four doubles at a time. The arithmetic is the same, operation by
//! operation and in the same order, so both give the same bits: nothing is fused, and addition,
//! multiplication, division, square root and comparison are exact on either. Which one runs is
//! asked of the machine. Nothing else in the engine is `unsafe`.

#[cfg(test)]
use std::cell::Cell;

#[cfg(test)]
thread_local! {
    static IS_NARROW: Cell<bool> = const { Cell::new(false) };
}

/// Whether the wide half of a function can run here.
#[cfg(target_arch = "x86_64")]
#[inline]
pub fn is_wide() -> bool {
    #[cfg(test)]
    if IS_NARROW.get() {
        return false;
    }
    std::arch::is_x86_feature_detected!("avx2")
}

/// Does the work on this thread as a machine without wide registers would.
#[cfg(test)]
pub fn narrow<R>(work: impl FnOnce() -> R) -> R {
    IS_NARROW.set(true);
    let result = work();
    IS_NARROW.set(false);
    result
}

/// Asks for the memory of a value that will soon be read, so that the reading need not wait.
#[inline(always)]
pub fn fetch<T>(values: &[T], at: usize) {
    #[cfg(target_arch = "x86_64")]
    if let Some(value) = values.get(at) {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: every processor of this kind knows the hint, and it reads nothing.
        #[allow(unsafe_code)]
        unsafe {
            _mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(value).cast());
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (values, at);
}

/// Declares a function that runs in the widest registers there are; what it calls must be
/// `#[inline(always)]` to do so as well.
macro_rules! widest {
    (
        $(#[$attribute:meta])*
        $visible:vis fn $name:ident($($argument:ident: $kind:ty),* $(,)?) $(-> $result:ty)?
        $body:block
    ) => {
        $(#[$attribute])*
        $visible fn $name($($argument: $kind),*) $(-> $result)? {
            #[inline(always)]
            fn narrow($($argument: $kind),*) $(-> $result)? $body

            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx2")]
                fn wide($($argument: $kind),*) $(-> $result)? {
                    narrow($($argument),*)
                }
                if $crate::wide::is_wide() {
                    // SAFETY: the processor has what `wide` was compiled for.
                    #[allow(unsafe_code)]
                    return unsafe { wide($($argument),*) };
                }
            }
            narrow($($argument),*)
        }
    };
}
pub(crate) use widest;

#[cfg(test)]
mod tests {
    use super::*;

    widest! {
        fn mixed(values: &[f64], results: &mut [f64]) {
            for (result, value) in results.iter_mut().zip(values) {
                *result = (value * 3.0 + 0.1).sqrt() / (value - 0.5);
            }
        }
    }

    #[test]
    fn both_halves_give_the_same_bits() {
        let values: Vec<f64> = (0..1_003).map(|k| f64::from(k) * 0.37).collect();
        let (mut wide, mut plain) = (vec![0.0; values.len()], vec![1.0; values.len()]);
        mixed(&values, &mut wide);
        narrow(|| mixed(&values, &mut plain));
        let bits = |column: &[f64]| column.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&wide), bits(&plain));
    }

    #[cfg(target_arch = "x86_64")]
    #[test]
    fn a_thread_can_be_kept_narrow_for_a_while() {
        let before = is_wide();
        assert!(!narrow(is_wide));
        assert_eq!(is_wide(), before);
    }
}
