//! Sorting, compiled once.

use std::cmp::Ordering;

/// Sorts `items`; equal ones stay in their order. The standard library's sort is made anew for every type and order, 3 KB each time:
/// this one sorts places, whatever they stand for.
pub fn sort<T>(items: &mut Vec<T>, compare: impl Fn(&T, &T) -> Ordering) {
    let order = places(items.len(), &|a, b| match (items.get(a), items.get(b)) {
        (Some(a), Some(b)) => compare(a, b),
        _ => Ordering::Equal,
    });
    let mut unsorted: Vec<Option<T>> = items.drain(..).map(Some).collect();
    items.extend(order.into_iter().filter_map(|at| unsorted.get_mut(at)?.take()));
}

/// The places 0 to `count` in the order of what stands there.
#[inline(never)]
fn places(count: usize, compare: &dyn Fn(usize, usize) -> Ordering) -> Vec<usize> {
    let mut places: Vec<usize> = (0..count).collect();
    places.sort_by(|&a, &b| compare(a, b));
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn sorts_as_the_standard_library_does(mut items: Vec<(u8, u32)>) {
            let mut theirs = items.clone();
            theirs.sort_by_key(|pair| pair.0);
            sort(&mut items, |a, b| a.0.cmp(&b.0));
            proptest::prop_assert_eq!(items, theirs);
        }
    }
}
