//! How wide the columns of a table are. Measures; writes nothing.

use billfold_core::engine::Answer;

use super::line::{shown, shown_value, width_of};
use super::{Costs, TOTAL, TotalLine, cells, headers};

/// Columns of the screen between two columns of the table.
pub(super) const GAP: usize = 2;

/// A dimension is not cut below this, and `total` fits in it.
const MIN_TEXT: usize = 6;

/// The widths of a table's columns, in columns of the screen.
#[derive(Debug, Default)]
pub(super) struct Layout {
    /// The texts: dimensions, the period where there is one, the currency. Never empty.
    pub(super) texts: Vec<usize>,
    /// Of a cost, what stands before the point, with its sign.
    pub(super) whole: usize,
    /// Of a cost, the point and what follows it.
    pub(super) fraction: usize,
    /// The counts.
    pub(super) charges: usize,
}

impl Layout {
    pub(super) fn of(answer: &Answer, costs: &Costs, totals: &[TotalLine], width: Option<usize>) -> Layout {
        let mut layout = Layout {
            texts: headers(answer).map(|name| width_of(&shown(name))).collect(),
            charges: "charges".len(),
            ..Layout::default()
        };
        let mut cost = String::new();
        for (idx, row) in answer.rows().enumerate() {
            for (nth, (text, _)) in cells(answer, idx).enumerate() {
                let wide = width_of(&shown_value(text));
                layout.texts[nth] = layout.texts[nth].max(wide);
            }
            costs.write_group(idx, row, &mut cost);
            layout.fit_cost(&cost);
            layout.fit_count(row.charges());
        }
        for total in totals {
            layout.texts[0] = layout.texts[0].max(TOTAL.len());
            if let Some((_, sum)) = total.cost {
                costs.write(&sum, &mut cost);
                layout.fit_cost(&cost);
            }
            layout.fit_count(total.charges.unwrap_or_default());
        }
        if let Some(width) = width {
            layout.cut_dimensions(answer.keys.len(), width);
        }
        layout
    }

    /// The width of the costs, which their header may be wider than.
    pub(super) fn cost(&self) -> usize {
        (self.whole + self.fraction).max("cost".len())
    }

    fn fit_cost(&mut self, cost: &str) {
        let (whole, fraction) = around_point(cost);
        self.whole = self.whole.max(whole);
        self.fraction = self.fraction.max(fraction);
    }

    fn fit_count(&mut self, count: u64) {
        let digits = count.checked_ilog10().unwrap_or_default() as usize + 1;
        self.charges = self.charges.max(digits);
    }

    /// Narrows the widest of the first `n_dimensions` texts until a line fits in `width`, if it can.
    fn cut_dimensions(&mut self, n_dimensions: usize, width: usize) {
        let fixed: usize = self.texts[n_dimensions..]
            .iter()
            .map(|text| text + GAP)
            .sum::<usize>()
            + self.cost()
            + GAP
            + self.charges;
        let dimensions = &mut self.texts[..n_dimensions];
        let room = width.saturating_sub(fixed + n_dimensions * GAP);
        let at_most = |cap: usize| dimensions.iter().map(|text| *text.min(&cap)).sum::<usize>();
        let widest = dimensions.iter().copied().max().unwrap_or_default();
        if at_most(widest) <= room {
            return;
        }
        let cap = (MIN_TEXT..room.max(MIN_TEXT))
            .rev()
            .find(|cap| at_most(*cap) <= room)
            .unwrap_or(MIN_TEXT);
        for text in dimensions {
            *text = cap.min(*text);
        }
    }
}

/// The lengths before the point, and from the point on.
pub(super) fn around_point(cost: &str) -> (usize, usize) {
    let point = cost.find('.').unwrap_or(cost.len());
    (point, cost.len() - point)
}
