//! The groups of several workers as one column of keys in order. Stage: merge.
//!
//! Workers number names, periods and groups each in its own way. Here every name gets its rank among the
//! names of all workers, so that a group is one integer whose order is the order of the answer: the
//! ranks of its dimensions, its period, its currency. Integers are cut by their first bits into
//! ranges that fit a cache; ranges are put in order and equal groups added up on all cores. No string is
//! looked at per group, and no table of all groups is built.

use rayon::prelude::*;

use super::group::{Names, width_of};
use super::plan::Plan;
use super::sums::{Sums, group_overflow};
use crate::error::{Error, Result};
use crate::money::{Currency, SumColumn};

/// Groups of a range, about: what sorts within the caches of one core.
const RANGE_GROUPS: usize = 1 << 11;
/// log2 of the ranges at most.
const MAX_RANGE_BITS: u32 = 12;
/// Bits of a key.
const KEY_BITS: u32 = u64::BITS;
/// log2 of the bits of a word.
const WORD_BITS: u32 = u64::BITS.trailing_zeros();

/// Groups from which on the cores work together; less is done before they have been woken.
pub(super) const MANY_GROUPS: usize = 1 << 14;
/// Ranges that are worked on together, while as many are handed out.
const RANGES_AT_ONCE: usize = 1 << 5;

/// Groups of several workers, about to be put in the order of their keys.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    /// Per dimension its names that occur, in byte order: the worker that has it, and its code there.
    pub(super) names: Vec<Vec<(u32, u32)>>,
    /// The ordinals of the periods that occur, ascending.
    pub(super) ordinals: Vec<i64>,
    /// The currencies that occur, in byte order.
    pub(super) currencies: Vec<Currency>,
    layout: Layout,
    ranged: Vec<Ranged>,
    n_ranges: usize,
    /// Bits of a key that tell it from others of its range.
    rest_bits: u32,
}

/// How a key is put together: columns from the highest bits to the lowest.
#[derive(Debug, Default)]
struct Layout {
    widths: Vec<u32>,
    /// Columns that stand for several, the last one made first: the widths of those, and per code their bits.
    folds: Vec<(Vec<u32>, Vec<u64>)>,
}

/// The lowest `width` bits.
fn mask(width: u32) -> u64 {
    if width == 0 {
        0
    } else {
        u64::MAX >> (u64::BITS - width)
    }
}

/// Codes of one worker into ranks among all.
struct Ranks {
    dims: Vec<Vec<u32>>,
    periods: Vec<u32>,
    currencies: Vec<u32>,
}

/// One worker's groups by range of keys.
#[derive(Debug)]
struct Ranged {
    keys: Vec<u64>,
    groups: Vec<u32>,
    /// Where each range begins, and where the last one ends.
    starts: Vec<u32>,
}

/// A range of groups, each once, in order.
pub(super) struct Range {
    /// The codes of the groups: dimensions, then the period, then the currency.
    pub(super) columns: Vec<Vec<u32>>,
    /// Per group its cost.
    pub(super) costs: SumColumn,
    /// Per group its charges.
    pub(super) charges: Vec<u64>,
    /// Of one state alone: per group its number there.
    pub(super) numbers: Vec<u32>,
}

/// Ranks the names of all workers and cuts their groups into ranges.
pub(super) fn gather(states: &[Sums]) -> Gathered {
    let mut out = Gathered::default();
    let mut ranks: Vec<Ranks> = states
        .iter()
        .map(|_| Ranks {
            dims: Vec::new(),
            periods: Vec::new(),
            currencies: Vec::new(),
        })
        .collect();
    let n_dims = states.first().map_or(0, |state| state.names.len());
    let n_groups: usize = states.iter().map(Sums::n_groups).sum();
    for d in 0..n_dims {
        let used: Vec<(&Names, Vec<u32>)> =
            on_cores(states, n_groups, |state| (&state.names[d], used_codes(state, d)));
        let (names, rank_of) = rank_names(&used);
        out.names.push(names);
        for (ranks, rank_of) in ranks.iter_mut().zip(rank_of) {
            ranks.dims.push(rank_of);
        }
    }
    let currencies_of =
        |state: &Sums, code: u32| Currency::parse(state.currencies.name(code)).unwrap_or(Currency::UNKNOWN);
    for state in states {
        for (currency, period) in &state.steps[0].parts {
            let (currency, period) = (*currency, *period);
            out.currencies.push(currencies_of(state, currency));
            out.ordinals.push(state.periods.ordinals[period as usize]);
        }
    }
    out.currencies.sort_unstable();
    out.currencies.dedup();
    out.ordinals.sort_unstable();
    out.ordinals.dedup();
    for (state, ranks) in states.iter().zip(&mut ranks) {
        let rank = |ordinal: &i64| out.ordinals.partition_point(|o| o < ordinal) as u32;
        ranks.periods = state.periods.ordinals.iter().map(rank).collect();
        ranks.currencies = (0..state.currencies.len() as u32)
            .map(|code| {
                let currency = currencies_of(state, code);
                out.currencies.partition_point(|c| *c < currency) as u32
            })
            .collect();
    }

    let mut widths: Vec<u32> = out.names.iter().map(|names| width_of(names.len())).collect();
    widths.push(width_of(out.ordinals.len()));
    widths.push(width_of(out.currencies.len()));
    let keys: Vec<Vec<u64>> = if widths.iter().sum::<u32>() <= KEY_BITS {
        out.layout.widths = widths;
        let layout = &out.layout;
        let pairs: Vec<(&Sums, &Ranks)> = states.iter().zip(&ranks).collect();
        on_cores(&pairs, n_groups, |(state, ranks)| keys_of(state, ranks, layout))
    } else {
        let pairs: Vec<(&Sums, &Ranks)> = states.iter().zip(&ranks).collect();
        let columns = on_cores(&pairs, n_groups, |(state, ranks)| columns_of(state, ranks));
        out.layout.widths = widths;
        out.layout.fold(columns)
    };
    drop(ranks);

    let key_bits: u32 = out.layout.widths.iter().sum();
    let range_bits = width_of(n_groups / RANGE_GROUPS)
        .min(MAX_RANGE_BITS)
        .min(key_bits);
    out.ranged = if n_groups < MANY_GROUPS {
        let each = keys.into_iter();
        each.map(|keys| into_ranges(keys, key_bits - range_bits, range_bits))
            .collect()
    } else {
        let each = keys.into_par_iter();
        each.map(|keys| into_ranges(keys, key_bits - range_bits, range_bits))
            .collect()
    };
    out.n_ranges = 1 << range_bits;
    out.rest_bits = key_bits - range_bits;
    out
}

/// What `f` makes of each, on all cores where there are many groups.
fn on_cores<'a, T: Sync, R: Send>(
    all: &'a [T],
    n_groups: usize,
    f: impl Fn(&'a T) -> R + Sync + Send,
) -> Vec<R> {
    if n_groups < MANY_GROUPS {
        all.iter().map(f).collect()
    } else {
        all.par_iter().map(f).collect()
    }
}

/// The codes of dimension `d` that groups have: a filter may have kept the others out.
fn used_codes(state: &Sums, d: usize) -> Vec<u32> {
    let mut used = vec![false; state.names[d].len()];
    for (_, code) in &state.steps[d + 1].parts {
        used[*code as usize] = true;
    }
    (0..used.len() as u32)
        .filter(|code| used[*code as usize])
        .collect()
}

/// A name on its way to its rank. What all names begin with is left out of `prefix`.
#[derive(Clone, Copy)]
struct Ranking {
    /// The first eight bytes that differ, so that most comparisons look at no string.
    prefix: u64,
    worker: u32,
    code: u32,
}

/// The names of all workers in byte order, and per worker and code the rank of its name.
pub(super) fn rank_names(workers: &[(&Names, Vec<u32>)]) -> (Vec<(u32, u32)>, Vec<Vec<u32>>) {
    let text = |placed: &Ranking| workers[placed.worker as usize].0.name(placed.code);
    let mut common: Option<&[u8]> = None;
    for (names, codes) in workers {
        for code in codes {
            let name = names.name(*code);
            let shared = common.map_or(name.len(), |c| {
                c.iter().zip(name).take_while(|(a, b)| a == b).count()
            });
            common = Some(&name[..shared]);
        }
    }
    let skip = common.map_or(0, <[u8]>::len);
    let mut placed: Vec<Ranking> = Vec::with_capacity(workers.iter().map(|(_, codes)| codes.len()).sum());
    for (worker, (names, codes)) in workers.iter().enumerate() {
        placed.extend(codes.iter().map(|code| {
            let rest = &names.name(*code)[skip..];
            let mut first = [0u8; 8];
            let n = rest.len().min(8);
            first[..n].copy_from_slice(&rest[..n]);
            Ranking {
                prefix: u64::from_be_bytes(first),
                worker: worker as u32,
                code: *code,
            }
        }));
    }
    placed.par_sort_unstable_by(|a, b| a.prefix.cmp(&b.prefix).then_with(|| text(a).cmp(text(b))));
    let mut rank_of: Vec<Vec<u32>> = workers.iter().map(|(names, _)| vec![0; names.len()]).collect();
    let mut names: Vec<(u32, u32)> = Vec::new();
    let mut last: Option<&Ranking> = None;
    for this in &placed {
        if last.is_none_or(|last| last.prefix != this.prefix || text(last) != text(this)) {
            names.push((this.worker, this.code));
        }
        rank_of[this.worker as usize][this.code as usize] = names.len() as u32 - 1;
        last = Some(this);
    }
    (names, rank_of)
}

/// Per group of a worker its key: every step adds the bits of its dimension to those of the step before.
fn keys_of(state: &Sums, ranks: &Ranks, layout: &Layout) -> Vec<u64> {
    let n_dims = state.names.len();
    let currency_width = layout.widths[n_dims + 1];
    let mut shift = layout.widths[n_dims] + currency_width;
    let mut shifts = vec![0; n_dims];
    for d in (0..n_dims).rev() {
        shifts[d] = shift;
        shift += layout.widths[d];
    }
    let mut keys: Vec<u64> = state.steps[0]
        .parts
        .iter()
        .map(|(currency, period)| {
            let period = u64::from(ranks.periods[*period as usize]);
            up(period, currency_width) | u64::from(ranks.currencies[*currency as usize])
        })
        .collect();
    for (d, dim) in ranks.dims.iter().enumerate() {
        keys = state.steps[d + 1]
            .parts
            .iter()
            .map(|(left, right)| keys[*left as usize] | up(u64::from(dim[*right as usize]), shifts[d]))
            .collect();
    }
    keys
}

/// Shifts by up to all bits: a column of one value that stands highest has width 0 there.
fn up(value: u64, shift: u32) -> u64 {
    value.checked_shl(shift).unwrap_or(0)
}

/// Per group of a worker its ranks, column by column.
fn columns_of(state: &Sums, ranks: &Ranks) -> Vec<Vec<u32>> {
    let (currencies, periods, dims) = state.paths();
    let ranked = |codes: Vec<u32>, rank: &[u32]| -> Vec<u32> {
        codes.into_iter().map(|code| rank[code as usize]).collect()
    };
    let mut columns: Vec<Vec<u32>> = dims
        .into_iter()
        .zip(&ranks.dims)
        .map(|(codes, rank)| ranked(codes, rank))
        .collect();
    columns.push(ranked(periods, &ranks.periods));
    columns.push(ranked(currencies, &ranks.currencies));
    columns
}

impl Layout {
    /// Where the columns do not fit a key, the first of them become one column of their combinations that
    /// occur, until they do. Takes the columns per worker, gives the keys.
    fn fold(&mut self, mut workers: Vec<Vec<Vec<u32>>>) -> Vec<Vec<u64>> {
        while self.widths.iter().sum::<u32>() > KEY_BITS {
            // A column has at most 32 bits, so two of them always fit.
            let mut n = 0;
            let mut bits = 0;
            while n < self.widths.len() && bits + self.widths[n] <= KEY_BITS {
                bits += self.widths[n];
                n += 1;
            }
            let folded: Vec<u32> = self.widths.drain(..n).collect();
            let packed: Vec<Vec<u64>> = workers
                .par_iter_mut()
                .map(|columns| pack(&columns.drain(..n).collect::<Vec<_>>(), &folded))
                .collect();
            let mut distinct: Vec<u64> = packed.iter().flatten().copied().collect();
            distinct.par_sort_unstable();
            distinct.dedup();
            for (columns, packed) in workers.iter_mut().zip(packed) {
                let codes = packed
                    .par_iter()
                    .map(|bits| distinct.partition_point(|d| d < bits) as u32)
                    .collect();
                columns.insert(0, codes);
            }
            self.widths.insert(0, width_of(distinct.len()));
            self.folds.push((folded, distinct));
        }
        workers
            .iter()
            .map(|columns| pack(columns, &self.widths))
            .collect()
    }

    /// The columns of some keys.
    fn columns(&self, keys: &[u64]) -> Vec<Vec<u32>> {
        let mut columns = unpack(keys, &self.widths);
        for (widths, packed) in self.folds.iter().rev() {
            let bits: Vec<u64> = columns
                .remove(0)
                .into_iter()
                .map(|code| packed[code as usize])
                .collect();
            let mut unfolded = unpack(&bits, widths);
            unfolded.append(&mut columns);
            columns = unfolded;
        }
        columns
    }
}

fn pack(columns: &[Vec<u32>], widths: &[u32]) -> Vec<u64> {
    let mut keys = vec![0u64; columns.first().map_or(0, Vec::len)];
    for (column, width) in columns.iter().zip(widths) {
        for (key, code) in keys.iter_mut().zip(column) {
            *key = up(*key, *width) | u64::from(*code);
        }
    }
    keys
}

fn unpack(keys: &[u64], widths: &[u32]) -> Vec<Vec<u32>> {
    let mut shift: u32 = widths.iter().sum();
    let shifts: Vec<u32> = widths
        .iter()
        .map(|width| {
            shift -= width;
            shift
        })
        .collect();
    shifts
        .iter()
        .zip(widths)
        .map(|(shift, width)| {
            let mask = mask(*width);
            // Without a bit of its own a column may stand behind all 64.
            let down = |key: &u64| (key.checked_shr(*shift).unwrap_or(0) & mask) as u32;
            keys.iter().map(down).collect()
        })
        .collect()
}

/// Puts keys in ranges by their highest bits.
fn into_ranges(keys: Vec<u64>, shift: u32, range_bits: u32) -> Ranged {
    let n_ranges = 1usize << range_bits;
    let range_of = |key: &u64| key.checked_shr(shift).unwrap_or(0) as usize;
    let mut starts = vec![0u32; n_ranges + 1];
    for key in &keys {
        starts[range_of(key) + 1] += 1;
    }
    for range in 0..n_ranges {
        starts[range + 1] += starts[range];
    }
    if n_ranges == 1 {
        let groups = (0..keys.len() as u32).collect();
        return Ranged { keys, groups, starts };
    }
    let mut next = starts.clone();
    let mut ordered = vec![0u64; keys.len()];
    let mut groups = vec![0u32; keys.len()];
    for (group, key) in keys.iter().enumerate() {
        let next = &mut next[range_of(key)];
        ordered[*next as usize] = *key;
        groups[*next as usize] = group as u32;
        *next += 1;
    }
    Ranged {
        keys: ordered,
        groups,
        starts,
    }
}

/// The groups of all workers in a range: the distinct keys in order, and per worker the places of its groups there.
#[derive(Debug, PartialEq, Eq)]
struct Placed {
    keys: Vec<u64>,
    places: Vec<Vec<u32>>,
}

impl Placed {
    /// Of keys that their lowest `n_bits` bits tell apart, per worker.
    fn of(workers: &[&[u64]], n_bits: u32) -> Self {
        let n: usize = workers.iter().map(|keys| keys.len()).sum();
        // A word of bits per key costs less than to sort them.
        if n > 0 && n_bits <= width_of(n) + WORD_BITS {
            Placed::by_bits(workers, n_bits)
        } else {
            Placed::by_order(workers)
        }
    }

    /// By a bit for each key that there may be: its place is the number of bits before it.
    fn by_bits(workers: &[&[u64]], n_bits: u32) -> Self {
        let lowest = mask(n_bits);
        let at = |key: &u64| ((key & lowest) >> WORD_BITS) as usize;
        let bit = |key: &u64| 1_u64 << (key & mask(WORD_BITS));
        let mut words = vec![(0_u64, 0_u32); 1 << n_bits.saturating_sub(WORD_BITS)];
        for key in workers.iter().copied().flatten() {
            words[at(key)].0 |= bit(key);
        }
        let above = workers
            .iter()
            .copied()
            .flatten()
            .next()
            .map_or(0, |key| key & !lowest);
        let mut keys = Vec::new();
        for (word, (bits, before)) in words.iter_mut().enumerate() {
            *before = keys.len() as u32;
            let mut rest = *bits;
            while rest != 0 {
                keys.push(above | (word as u64) << WORD_BITS | u64::from(rest.trailing_zeros()));
                rest &= rest - 1;
            }
        }
        let place = |key: &u64| {
            let (bits, before) = words[at(key)];
            before + (bits & (bit(key) - 1)).count_ones()
        };
        Placed {
            keys,
            places: workers
                .iter()
                .map(|keys| keys.iter().map(place).collect())
                .collect(),
        }
    }

    /// By sorting them.
    fn by_order(workers: &[&[u64]]) -> Self {
        let mut order: Vec<(u64, u32, u32)> = Vec::with_capacity(workers.iter().map(|keys| keys.len()).sum());
        for (worker, keys) in workers.iter().enumerate() {
            let numbered = keys.iter().enumerate();
            order.extend(numbered.map(|(i, key)| (*key, worker as u32, i as u32)));
        }
        order.sort_unstable_by_key(|(key, _, _)| *key);
        let mut keys: Vec<u64> = Vec::with_capacity(order.len());
        let mut places: Vec<Vec<u32>> = workers.iter().map(|keys| vec![0; keys.len()]).collect();
        for (key, worker, i) in order {
            if keys.last() != Some(&key) {
                keys.push(key);
            }
            places[worker as usize][i as usize] = keys.len() as u32 - 1;
        }
        Placed { keys, places }
    }
}

/// Puts a range of all workers in order and adds up what is the same. Errors: the key whose sum left 256 bits.
fn add_up(states: &[Sums], gathered: &Gathered, range: usize) -> Result<Range, u64> {
    let slice = |ranged: &Ranged| ranged.starts[range] as usize..ranged.starts[range + 1] as usize;
    let of_workers: Vec<&[u64]> = (gathered.ranged.iter())
        .map(|ranged| &ranged.keys[slice(ranged)])
        .collect();
    let Placed { keys, places } = Placed::of(&of_workers, gathered.rest_bits);
    let mut charges = vec![0u64; keys.len()];
    let mut costs = SumColumn::new();
    costs.resize(keys.len());
    let mut numbers = Vec::new();
    let mut scratch = Vec::new();
    for ((state, ranged), places) in states.iter().zip(&gathered.ranged).zip(&places) {
        let groups = &ranged.groups[slice(ranged)];
        state
            .costs
            .add_some_to(groups, places, &mut costs, &mut charges, &mut scratch)
            .map_err(|o| keys[o.group as usize])?;
        if let [_] = states {
            // Every group of one state is there once.
            numbers.resize(keys.len(), 0);
            for (group, place) in groups.iter().zip(places) {
                numbers[*place as usize] = *group;
            }
        }
    }
    Ok(Range {
        columns: gathered.layout.columns(&keys),
        costs,
        charges,
        numbers,
    })
}

impl Gathered {
    /// Hands out the groups, each once, in the order of their keys. `states` are those that were gathered.
    ///
    /// Errors: a sum that leaves 256 bits, with its group; what `each` refuses.
    pub(super) fn each_range(
        &self,
        plan: &Plan,
        states: &[Sums],
        mut each: impl FnMut(Range) -> Result<()>,
    ) -> Result<()> {
        let all: Vec<usize> = (0..self.n_ranges).collect();
        let one =
            |range: &usize| add_up(states, self, *range).map_err(|key| self.overflow_at(plan, states, key));
        let make = |some: &[usize]| -> Result<Vec<Range>> {
            match some {
                [range] => Ok(vec![one(range)?]),
                _ => some.par_iter().map(one).collect(),
            }
        };
        let mut steps = all.chunks(RANGES_AT_ONCE);
        let mut ready = steps.next().map_or_else(|| Ok(Vec::new()), make)?;
        for some in steps {
            let mut coming = Ok(Vec::new());
            // What is ready is handed out here, while the pool makes what comes.
            rayon::in_place_scope(|scope| {
                scope.spawn(|_| coming = make(some));
                ready.into_iter().try_for_each(&mut each)
            })?;
            ready = coming?;
        }
        ready.into_iter().try_for_each(&mut each)
    }

    /// The name at a rank among the names of a dimension.
    pub(super) fn name<'s>(&self, states: &'s [Sums], dimension: usize, rank: u32) -> &'s [u8] {
        let (worker, code) = self.names[dimension][rank as usize];
        states[worker as usize].names[dimension].name(code)
    }

    #[cold]
    fn overflow_at(&self, plan: &Plan, states: &[Sums], key: u64) -> Error {
        let codes: Vec<u32> = self.layout.columns(&[key]).into_iter().flatten().collect();
        let n_dims = self.names.len();
        let names: Vec<_> = (0..n_dims)
            .map(|d| String::from_utf8_lossy(self.name(states, d, codes[d])))
            .collect();
        group_overflow(
            plan,
            names.iter().map(AsRef::as_ref),
            self.ordinals[codes[n_dims] as usize],
            self.currencies[codes[n_dims + 1] as usize],
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_have_the_same_places_by_bits_and_by_order() {
        for (n_bits, n) in [(0, 1), (3, 5), (6, 40), (7, 3), (13, 900), (15, 4)] {
            let above = mask(9) << n_bits;
            let mut state = 5_u64;
            let workers: Vec<Vec<u64>> = (0..3_usize)
                .map(|worker| {
                    (0..n * worker)
                        .map(|_| {
                            state = state.wrapping_mul(6364136223846793005).wrapping_add(99);
                            above | ((state >> 20) & mask(n_bits))
                        })
                        .collect()
                })
                .collect();
            let workers: Vec<&[u64]> = workers.iter().map(Vec::as_slice).collect();
            let found = Placed::by_bits(&workers, n_bits);
            assert_eq!(found, Placed::by_order(&workers), "{n_bits} {n}");
            assert!(found.keys.is_sorted());
            assert_eq!(found, Placed::of(&workers, n_bits));
            for (keys, places) in workers.iter().zip(&found.places) {
                let placed: Vec<u64> = places.iter().map(|place| found.keys[*place as usize]).collect();
                assert_eq!(placed, *keys);
            }
        }
        let none = Placed::of(&[&[], &[]], 40);
        assert_eq!((none.keys.len(), none.places.len()), (0, 2));
    }

    #[test]
    fn columns_of_any_width_come_back_from_their_keys() {
        for widths in [vec![0, 0], vec![3, 0, 7], vec![32, 20, 30, 0, 11, 5], vec![30; 9]] {
            let mut state = 1u64;
            let columns: Vec<Vec<u32>> = widths
                .iter()
                .map(|width| {
                    (0..500)
                        .map(|_| {
                            state = state.wrapping_mul(6364136223846793005).wrapping_add(99);
                            ((state >> 20) & mask(*width)) as u32
                        })
                        .collect()
                })
                .collect();
            let mut layout = Layout {
                widths: widths.clone(),
                folds: Vec::new(),
            };
            let keys = layout.fold(vec![columns.clone()]).remove(0);
            assert_eq!(layout.columns(&keys), columns, "{widths:?}");
            // The order of keys is the order of the columns.
            let mut by_key: Vec<usize> = (0..500).collect();
            by_key.sort_by_key(|row| keys[*row]);
            let mut by_columns: Vec<usize> = (0..500).collect();
            by_columns.sort_by_key(|row| columns.iter().map(|c| c[*row]).collect::<Vec<_>>());
            assert_eq!(by_key, by_columns, "{widths:?}");
        }
    }
}
