//! Rounding of a whole table: printed rows, columns and totals add up at once.
//!
//! Rounding every number by itself prints parts that do not come to their total. The largest remainder
//! mends one line of parts; a table has two directions. Here every number of the table (cells, totals of
//! rows, totals of columns) becomes one of its two neighbours at the wanted decimals, so that every
//! printed row and column adds up to its printed total, and the totals to the grand total, which is
//! rounded half away from zero. No number moves by a whole unit, and a number that needs no rounding
//! does not move. Such a rounding always exists, as the exact table is a fractional flow from rows to
//! columns and flows have integer solutions; it is found from the largest remainders, mended by paths.
//!
//! Nothing here knows currencies, names or output formats.

use std::collections::VecDeque;

use billfold_core::money::{Amount, ExactSum, POW10, SumOverflow, largest_remainder};

/// Numbers above which finding the rounding of a table would take too long.
pub const MAX_CELLS: usize = 100_000;

/// A table of exact numbers with its margins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// By row, its cells; every row has a cell per column.
    pub cells: Vec<Vec<ExactSum>>,
    /// By row, its total.
    pub rows: Vec<ExactSum>,
    /// By column, its total.
    pub columns: Vec<ExactSum>,
    /// The total of all.
    pub total: ExactSum,
}

impl Table {
    /// Whether cells add up to the totals of rows and columns, and these to the grand total.
    pub fn adds_up(&self) -> bool {
        let is = |parts: &mut dyn Iterator<Item = &ExactSum>, whole: &ExactSum| {
            sum(parts).is_ok_and(|sum| sum == *whole)
        };
        let by_row = |(cells, total): (&Vec<ExactSum>, &ExactSum)| is(&mut cells.iter(), total);
        let by_column =
            |(at, total): (usize, &ExactSum)| is(&mut self.cells.iter().map(|row| &row[at]), total);
        self.cells.iter().zip(&self.rows).all(by_row)
            && self.columns.iter().enumerate().all(by_column)
            && is(&mut self.rows.iter(), &self.total)
            && is(&mut self.columns.iter(), &self.total)
    }

    /// The table with at most `places` decimals; see the rule at the top.
    ///
    /// A table that does not add up (groups that overlap), or of more than [`MAX_CELLS`] cells, is rounded
    /// number by number. Errors: a number leaves 256 bits.
    pub fn rounded(&self, places: u8) -> Result<Table, SumOverflow> {
        let n_cells = self.rows.len() * self.columns.len();
        if n_cells > MAX_CELLS || !self.adds_up() {
            return Ok(self.each_rounded(places));
        }
        Flow::new(self, places)?.solve(self, places)
    }

    /// Every number by itself, half away from zero.
    #[must_use]
    pub fn each_rounded(&self, places: u8) -> Table {
        let all = |sums: &[ExactSum]| sums.iter().map(|sum| sum.round_to(places)).collect();
        Table {
            cells: self.cells.iter().map(|row| all(row)).collect(),
            rows: all(&self.rows),
            columns: all(&self.columns),
            total: self.total.round_to(places),
        }
    }
}

/// A number between two neighbours: the lower one, and what is above it.
#[derive(Debug, Clone, Copy)]
struct Cut {
    floor: ExactSum,
    rest: ExactSum,
}

impl Cut {
    fn of(value: &ExactSum, places: u8) -> Result<Cut, SumOverflow> {
        let mut floor = value.round_to(places);
        if floor > *value {
            floor.sub(&unit(places)?)?;
        }
        let mut rest = *value;
        rest.sub(&floor)?;
        Ok(Cut { floor, rest })
    }

    fn is_free(&self) -> bool {
        !self.rest.is_zero()
    }
}

/// How many units go where. Cells carry 0 or 1 above their floor; rows and columns between `low` and `high`.
struct Flow {
    cells: Vec<Vec<Cut>>,
    /// Whether the cell is rounded up.
    up: Vec<Vec<bool>>,
    rows: Vec<Margin>,
    columns: Vec<Margin>,
    /// Units above the floors of the cells, over the whole table.
    wanted: i128,
    given: i128,
}

/// Units that a row or a column has and may have above the floors of its cells.
#[derive(Debug, Clone, Copy)]
struct Margin {
    low: i128,
    high: i128,
    has: i128,
}

impl Flow {
    fn new(table: &Table, places: u8) -> Result<Flow, SumOverflow> {
        let cut_row = |row: &Vec<ExactSum>| row.iter().map(|cell| Cut::of(cell, places)).collect();
        let cells: Vec<Vec<Cut>> = table.cells.iter().map(cut_row).collect::<Result<_, _>>()?;
        let margin = |total: &ExactSum, floors: &mut dyn Iterator<Item = &ExactSum>| {
            let cut = Cut::of(total, places)?;
            let mut above = cut.floor;
            above.sub(&sum(floors)?)?;
            let low = units(&above, places)?;
            Ok(Margin {
                low,
                high: low + i128::from(cut.is_free()),
                has: 0,
            })
        };
        let rows = table
            .rows
            .iter()
            .zip(&cells)
            .map(|(total, cells)| margin(total, &mut cells.iter().map(|cell| &cell.floor)))
            .collect::<Result<Vec<_>, _>>()?;
        let columns = table
            .columns
            .iter()
            .enumerate()
            .map(|(at, total)| margin(total, &mut cells.iter().map(|row| &row[at].floor)))
            .collect::<Result<Vec<_>, _>>()?;
        let mut above = table.total.round_to(places);
        above.sub(&sum(&mut cells.iter().flatten().map(|cell| &cell.floor))?)?;
        Ok(Flow {
            up: cells.iter().map(|row| vec![false; row.len()]).collect(),
            wanted: units(&above, places)?,
            given: 0,
            cells,
            rows,
            columns,
        })
    }

    fn solve(mut self, table: &Table, places: u8) -> Result<Table, SumOverflow> {
        self.give_to_largest(table, places)?;
        // Whatever the largest remainders left open is mended along paths. The order is fixed, so the result is.
        for row in 0..self.rows.len() {
            while self.rows[row].has < self.rows[row].low && self.raise_row(row) {}
        }
        for column in 0..self.columns.len() {
            while self.columns[column].has < self.columns[column].low && self.raise_column(column) {}
        }
        while self.given < self.wanted && self.raise_total() {}
        let unit = unit(places)?;
        let raised = |cut: &Cut, up: bool| {
            let mut value = cut.floor;
            if up {
                value.add(&unit)?;
            }
            Ok::<_, SumOverflow>(value)
        };
        let cells = self
            .cells
            .iter()
            .zip(&self.up)
            .map(|(row, up)| row.iter().zip(up).map(|(cut, up)| raised(cut, *up)).collect())
            .collect::<Result<Vec<Vec<ExactSum>>, _>>()?;
        let rows = cells
            .iter()
            .map(|row| sum(&mut row.iter()))
            .collect::<Result<_, _>>()?;
        let columns = (0..self.columns.len())
            .map(|at| sum(&mut cells.iter().map(|row| &row[at])))
            .collect::<Result<_, _>>()?;
        Ok(Table {
            cells,
            rows,
            columns,
            total: table.total.round_to(places),
        })
    }

    /// Raises cells in the order of what they lost, as far as their row and column take it.
    fn give_to_largest(&mut self, table: &Table, places: u8) -> Result<(), SumOverflow> {
        let takes = |totals: &[ExactSum], margins: &[Margin]| {
            let shares = largest_remainder(totals, places)?;
            let takes = shares
                .iter()
                .zip(totals)
                .zip(margins)
                .map(
                    |((share, total), margin)| {
                        if share > total { margin.high } else { margin.low }
                    },
                );
            Ok::<Vec<i128>, SumOverflow>(takes.collect())
        };
        let rows = takes(&table.rows, &self.rows)?;
        let columns = takes(&table.columns, &self.columns)?;
        let mut order: Vec<(usize, usize)> = Vec::new();
        for (row, cells) in self.cells.iter().enumerate() {
            order.extend(
                (0..cells.len())
                    .filter(|at| cells[*at].is_free())
                    .map(|at| (row, at)),
            );
        }
        order.sort_by(|a, b| {
            let rest = |(row, column): (usize, usize)| self.cells[row][column].rest;
            rest(*b).cmp(&rest(*a)).then(a.cmp(b))
        });
        for (row, column) in order {
            if self.given < self.wanted
                && self.rows[row].has < rows[row]
                && self.columns[column].has < columns[column]
            {
                self.up[row][column] = true;
                self.rows[row].has += 1;
                self.columns[column].has += 1;
                self.given += 1;
            }
        }
        Ok(())
    }

    /// One more unit in a row: into the total where it lacks one, or from another row that can spare one.
    fn raise_row(&mut self, row: usize) -> bool {
        let from = self.reach(&[row]);
        let open = (self.given < self.wanted)
            .then(|| {
                (0..self.columns.len())
                    .find(|&at| from.columns[at].is_some() && self.columns[at].has < self.columns[at].high)
            })
            .flatten();
        if let Some(column) = open {
            self.flip_to_column(&from, column);
            self.columns[column].has += 1;
            self.given += 1;
        } else {
            let spare = (0..self.rows.len())
                .find(|&at| from.rows[at].is_some() && at != row && self.rows[at].has > self.rows[at].low);
            let Some(other) = spare else { return false };
            self.flip_to_row(&from, other);
            self.rows[other].has -= 1;
        }
        self.rows[row].has += 1;
        true
    }

    /// One more unit in a column: from a row that takes one more, or from another column that can spare one.
    fn raise_column(&mut self, column: usize) -> bool {
        if self.given < self.wanted {
            for row in 0..self.rows.len() {
                if self.rows[row].has >= self.rows[row].high {
                    continue;
                }
                let from = self.reach(&[row]);
                if from.columns[column].is_some() {
                    self.flip_to_column(&from, column);
                    self.rows[row].has += 1;
                    self.columns[column].has += 1;
                    self.given += 1;
                    return true;
                }
            }
        }
        for other in 0..self.columns.len() {
            if other == column || self.columns[other].has <= self.columns[other].low {
                continue;
            }
            // A unit leaves the other column: the rows that gave it one look for another place.
            let givers: Vec<usize> = (0..self.rows.len()).filter(|&row| self.up[row][other]).collect();
            let from = self.reach(&givers);
            if from.columns[column].is_some() {
                let start = self.flip_to_column(&from, column);
                self.up[start][other] = false;
                self.columns[other].has -= 1;
                self.columns[column].has += 1;
                return true;
            }
        }
        false
    }

    /// One more unit in all.
    fn raise_total(&mut self) -> bool {
        let open: Vec<usize> = (0..self.rows.len())
            .filter(|&row| self.rows[row].has < self.rows[row].high)
            .collect();
        let from = self.reach(&open);
        let end = (0..self.columns.len())
            .find(|&at| from.columns[at].is_some() && self.columns[at].has < self.columns[at].high);
        let Some(column) = end else { return false };
        let row = self.flip_to_column(&from, column);
        self.rows[row].has += 1;
        self.columns[column].has += 1;
        self.given += 1;
        true
    }

    /// What paths from the rows reach: a row raises a cell into its column, a column lowers one of its cells.
    fn reach(&self, starts: &[usize]) -> Reached {
        let mut reached = Reached {
            rows: vec![None; self.rows.len()],
            columns: vec![None; self.columns.len()],
        };
        let mut queue = VecDeque::new();
        for &row in starts {
            reached.rows[row] = Some(Step::Start);
            queue.push_back(row);
        }
        while let Some(row) = queue.pop_front() {
            for column in 0..self.columns.len() {
                let can_raise = self.cells[row][column].is_free() && !self.up[row][column];
                if !can_raise || reached.columns[column].is_some() {
                    continue;
                }
                reached.columns[column] = Some(row);
                for other in 0..self.rows.len() {
                    if self.up[other][column] && reached.rows[other].is_none() {
                        reached.rows[other] = Some(Step::From(column));
                        queue.push_back(other);
                    }
                }
            }
        }
        reached
    }

    /// Raises and lowers the cells of the path that ends in a column; returns the row where it starts.
    fn flip_to_column(&mut self, reached: &Reached, column: usize) -> usize {
        let mut column = column;
        while let Some(row) = reached.columns[column] {
            self.up[row][column] = true;
            match reached.rows[row] {
                Some(Step::From(before)) => {
                    self.up[row][before] = false;
                    column = before;
                }
                _ => return row,
            }
        }
        0
    }

    /// The same for a path that ends in a row.
    fn flip_to_row(&mut self, reached: &Reached, row: usize) {
        if let Some(Step::From(before)) = reached.rows[row] {
            self.up[row][before] = false;
            self.flip_to_column(reached, before);
        }
    }
}

/// How each row and column was reached, if it was.
struct Reached {
    rows: Vec<Option<Step>>,
    /// The row whose cell is raised.
    columns: Vec<Option<usize>>,
}

#[derive(Clone, Copy)]
enum Step {
    Start,
    /// The column whose cell of this row is lowered.
    From(usize),
}

fn sum(parts: &mut dyn Iterator<Item = &ExactSum>) -> Result<ExactSum, SumOverflow> {
    let mut sum = ExactSum::ZERO;
    for part in parts {
        sum.add(part)?;
    }
    Ok(sum)
}

/// One unit of the last decimal.
fn unit(places: u8) -> Result<ExactSum, SumOverflow> {
    Amount::new(1, places).map(ExactSum::from).ok_or(SumOverflow)
}

/// A multiple of the unit as a number of units.
fn units(value: &ExactSum, places: u8) -> Result<i128, SumOverflow> {
    let (value, scale) = value.round_to(places).parts();
    let missing = usize::from(places.saturating_sub(scale));
    let value = value.to_i128().ok_or(SumOverflow)?;
    let power = POW10.get(missing).ok_or(SumOverflow)?;
    value.checked_mul(*power).ok_or(SumOverflow)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn exact(text: &str) -> ExactSum {
        ExactSum::from(Amount::parse(text.as_bytes()).unwrap())
    }

    fn table(cells: Vec<Vec<ExactSum>>, n_columns: usize) -> Table {
        let rows: Vec<_> = cells.iter().map(|row| sum(&mut row.iter()).unwrap()).collect();
        let columns = (0..n_columns)
            .map(|at| sum(&mut cells.iter().map(|row| &row[at])).unwrap())
            .collect();
        let total = sum(&mut rows.iter()).unwrap();
        Table {
            cells,
            rows,
            columns,
            total,
        }
    }

    #[test]
    fn thirds_add_up_in_both_directions() {
        let third = exact("0.333");
        let rounded = table(vec![vec![third; 3]; 3], 3).rounded(2).unwrap();
        assert!(rounded.adds_up());
        assert_eq!(rounded.total.rounded(2), "3.00");
        let overlapping = Table {
            total: exact("1"),
            ..table(vec![vec![third; 3]; 3], 3)
        };
        assert_eq!(overlapping.rounded(2).unwrap().cells[0][0].rounded(2), "0.33");
        assert_eq!(table(Vec::new(), 2).rounded(2).unwrap().total, ExactSum::ZERO);
    }

    proptest! {
        #[test]
        fn every_row_and_column_adds_up_and_no_number_moves_by_a_unit(
            numbers in prop::collection::vec(prop::collection::vec((-2_000i64..2_000, 0u8..5), 6), 0..9),
            n_columns in 1usize..=6, places in 0u8..=3,
        ) {
            let cells: Vec<Vec<ExactSum>> = numbers.iter().map(|row| row[..n_columns].iter().map(|&(n, scale)| {
                ExactSum::from(Amount::new(n.into(), scale).unwrap())
            }).collect()).collect();
            let exact = table(cells, n_columns);
            let rounded = exact.rounded(places).unwrap();
            prop_assert!(rounded.adds_up());
            prop_assert_eq!(rounded.total, exact.total.round_to(places));
            let unit = unit(places).unwrap();
            let pairs = exact.cells.iter().flatten().zip(rounded.cells.iter().flatten())
                .chain(exact.rows.iter().zip(&rounded.rows))
                .chain(exact.columns.iter().zip(&rounded.columns));
            for (exact, rounded) in pairs {
                let mut moved = *rounded;
                moved.sub(exact).unwrap();
                prop_assert!(moved < unit && -moved < unit);
                prop_assert_eq!(rounded.round_to(places), *rounded);
            }
        }
    }
}
