//! The guard: before a statement runs, its plan is walked, and money that would not stay exact refuses it.
//!
//! Polars adds decimals in 128 bits and its sums wrap silently, and many of its functions turn decimals
//! into binary floats. So every expression of the plan gets a bound: the greatest magnitude that its value
//! can have, from the greatest amount of each column and the number of rows. An expression whose bound
//! does not fit 38 digits at its scale is refused before a row is read, so no sum can wrap. Expressions over
//! money that are not known to keep it exact (an average, a quotient, a product of two amounts, a
//! comparison with a float) are refused too. `CAST(… AS DOUBLE)` leaves exactness knowingly and is allowed:
//! its result is a float and is shown as one. What is not known is refused, never assumed.
//!
//! Unlike currencies are never added, in SQL as elsewhere: where the charges have several, a sum is refused
//! unless it is grouped by `billing_currency`, or the rows are filtered to one of them by `=`.

use std::collections::BTreeMap;

use billfold_core::charge::schema::BILLING_CURRENCY;
use billfold_core::money::ExactSum;
use billfold_core::{Error, Result};
use polars::chunked_array::cast::CastOptions;
use polars::prelude::{DataFrame, DataType, FillNullStrategy, LazyFrame, Operator, PolarsError, Schema};
use polars_plan::plans::expr_ir::ExprIR;
use polars_plan::prelude::{
    AExpr, Arena, FunctionIR, IR, IRAggExpr, IRFunctionExpr, IRPlan, LiteralValue, Node, ToFieldContext,
};

use crate::frame;

/// Whole units of money, rounded up: an upper bound of a magnitude. `u128::MAX` means nothing is known.
type Bound = u128;

/// 10³⁸, the first integer that a decimal does not hold.
const TOO_MUCH: u128 = 100_000_000_000_000_000_000_000_000_000_000_000_000;

/// The bounds of a table.
#[derive(Debug, Clone, Default)]
pub(super) struct Bounds {
    rows: u128,
    columns: BTreeMap<String, Bound>,
    /// Whether all amounts that meet are of one currency.
    one_currency: bool,
}

impl Bounds {
    /// The bounds of the table of charges.
    pub(super) fn of(frame: &DataFrame, one_currency: bool) -> Result<Bounds> {
        let mut bounds = Bounds {
            rows: frame.height() as u128,
            columns: BTreeMap::new(),
            one_currency,
        };
        for column in frame.columns() {
            if matches!(column.dtype(), DataType::Decimal(..)) {
                let values = frame::exact(column)?;
                let greatest = values.iter().flatten().map(whole_units).max().unwrap_or(0);
                bounds.columns.insert(column.name().to_string(), greatest);
            }
        }
        Ok(bounds)
    }
}

/// The magnitude in whole units, rounded up.
fn whole_units(value: &ExactSum) -> Bound {
    let magnitude = if *value < ExactSum::ZERO { -*value } else { *value };
    let (units, _) = magnitude.round_to(0).parts();
    // Rounding may have gone down by a half.
    units
        .to_i128()
        .map_or(Bound::MAX, |units| units.unsigned_abs() + 1)
}

/// Refuses a plan in which money would not stay exact.
///
/// Errors: usage, naming the expression.
pub(super) fn check(lazy: LazyFrame, table: &Bounds) -> Result<()> {
    let plan = lazy.to_alp().map_err(|e| super::refused(&e))?;
    let walk = Walk { plan: &plan, table };
    walk.node(plan.lp_top).map(|_| ())
}

struct Walk<'p> {
    plan: &'p IRPlan,
    table: &'p Bounds,
}

impl Walk<'_> {
    fn ir(&self, node: Node) -> &IR {
        self.plan.lp_arena.get(node)
    }

    fn schema(&self, node: Node) -> Schema {
        self.ir(node)
            .schema(&self.plan.lp_arena)
            .as_ref()
            .as_ref()
            .clone()
    }

    /// The bounds of what a node of the plan gives.
    fn node(&self, node: Node) -> Result<Bounds> {
        match self.ir(node) {
            // The only table is that of the charges.
            IR::DataFrameScan { df, .. } => {
                let known = df.columns().iter().all(|column| {
                    !matches!(column.dtype(), DataType::Decimal(..))
                        || self.table.columns.contains_key(column.name().as_str())
                });
                if known {
                    Ok(Bounds {
                        rows: self.table.rows.max(df.height() as u128),
                        columns: self.table.columns.clone(),
                        one_currency: self.table.one_currency,
                    })
                } else {
                    Bounds::of(df, false)
                }
            }
            IR::Filter { input, predicate } => {
                let mut bounds = self.node(*input)?;
                self.expr_ir(predicate, &self.schema(*input), &bounds)?;
                bounds.one_currency |= self.keeps_one_currency(predicate.node());
                Ok(bounds)
            }
            IR::Sort { input, by_column, .. } => {
                let bounds = self.node(*input)?;
                for by in by_column {
                    self.expr_ir(by, &self.schema(*input), &bounds)?;
                }
                Ok(bounds)
            }
            IR::Slice { input, .. }
            | IR::SimpleProjection { input, .. }
            | IR::Cache { input, .. }
            | IR::Distinct { input, .. }
            | IR::Sink { input, .. }
            | IR::MapFunction {
                input,
                function: FunctionIR::Rechunk | FunctionIR::Hint(_) | FunctionIR::RowIndex { .. },
            } => self.node(*input),
            IR::Select { input, expr, .. } => self.exprs(*input, expr, Bounds::default(), false),
            IR::HStack { input, exprs, .. } => {
                let start = self.node(*input)?;
                self.exprs(*input, exprs, start, false)
            }
            IR::GroupBy {
                input,
                keys,
                aggs,
                apply: None,
                ..
            } => {
                let keyed = self.exprs(*input, keys, Bounds::default(), false)?;
                let by_currency = keys.iter().any(|key| self.is_currency(key.node()));
                self.exprs(*input, aggs, keyed, by_currency)
            }
            IR::Join {
                input_left,
                input_right,
                left_on,
                right_on,
                schema,
                ..
            } => {
                let (left, right) = (self.node(*input_left)?, self.node(*input_right)?);
                for on in left_on {
                    self.expr_ir(on, &self.schema(*input_left), &left)?;
                }
                for on in right_on {
                    self.expr_ir(on, &self.schema(*input_right), &right)?;
                }
                let all = left
                    .columns
                    .values()
                    .chain(right.columns.values())
                    .copied()
                    .max()
                    .unwrap_or(0);
                Ok(Bounds {
                    one_currency: left.one_currency && right.one_currency,
                    rows: left.rows.max(1).saturating_mul(right.rows.max(1)),
                    // A name that stands on both sides gets a suffix; the greatest of all holds for any.
                    columns: decimals_of(schema).map(|name| (name, all)).collect(),
                })
            }
            IR::Union { inputs, .. } => {
                let mut union = Bounds {
                    one_currency: true,
                    ..Bounds::default()
                };
                for input in inputs {
                    let bounds = self.node(*input)?;
                    // Two currencies filtered apart meet again here.
                    union.one_currency &= bounds.one_currency && self.table.one_currency;
                    union.rows = union.rows.saturating_add(bounds.rows);
                    // Columns of a union go by place, so the greatest of all holds for each.
                    let all = bounds
                        .columns
                        .values()
                        .chain(union.columns.values())
                        .copied()
                        .max();
                    let names: Vec<String> = decimals_of(&self.schema(node)).collect();
                    union.columns = names.into_iter().map(|name| (name, all.unwrap_or(0))).collect();
                }
                Ok(union)
            }
            IR::HConcat { inputs, .. } => {
                let mut beside = Bounds {
                    one_currency: true,
                    ..Bounds::default()
                };
                for input in inputs {
                    let bounds = self.node(*input)?;
                    beside.one_currency &= bounds.one_currency && self.table.one_currency;
                    beside.rows = beside.rows.max(bounds.rows);
                    beside.columns.extend(bounds.columns);
                }
                Ok(beside)
            }
            other => {
                let name: &'static str = other.into();
                Err(unknown(&format!("the step {name}")))
            }
        }
    }

    /// Adds what expressions over a node give to the bounds.
    ///
    /// `by_currency`: whether each group has one currency.
    fn exprs(&self, input: Node, exprs: &[ExprIR], mut given: Bounds, by_currency: bool) -> Result<Bounds> {
        let mut bounds = self.node(input)?;
        given.one_currency = bounds.one_currency;
        bounds.one_currency |= by_currency;
        let schema = self.schema(input);
        given.rows = given.rows.max(bounds.rows);
        for expr in exprs {
            if let Some(bound) = self.expr_ir(expr, &schema, &bounds)? {
                given.columns.insert(expr.output_name().to_string(), bound);
            }
        }
        Ok(given)
    }

    fn expr_ir(&self, expr: &ExprIR, schema: &Schema, bounds: &Bounds) -> Result<Option<Bound>> {
        self.expr(expr.node(), schema, bounds)
    }

    fn is_currency(&self, node: Node) -> bool {
        matches!(self.plan.expr_arena.get(node), AExpr::Column(name) if name.as_str() == BILLING_CURRENCY)
    }

    /// Whether a condition says that the currency is one text, and no `or` takes it back.
    fn keeps_one_currency(&self, node: Node) -> bool {
        let is_text = |node: Node| matches!(self.plan.expr_arena.get(node), AExpr::Literal(_));
        match self.plan.expr_arena.get(node) {
            AExpr::BinaryExpr {
                left,
                op: Operator::Eq,
                right,
            } => self.is_currency(*left) && is_text(*right) || self.is_currency(*right) && is_text(*left),
            AExpr::BinaryExpr {
                left,
                op: Operator::And | Operator::LogicalAnd,
                right,
            } => self.keeps_one_currency(*left) || self.keeps_one_currency(*right),
            _ => false,
        }
    }

    /// The type of an expression over a schema.
    fn dtype(&self, node: Node, schema: &Schema) -> Result<DataType> {
        let context = ToFieldContext::new(&self.plan.expr_arena, schema);
        let field = self.plan.expr_arena.get(node).to_field(&context);
        field
            .map(|field| field.dtype)
            .map_err(|e: PolarsError| super::refused(&e))
    }

    /// The bound of an expression of money; nothing for one of another type.
    fn expr(&self, node: Node, schema: &Schema, bounds: &Bounds) -> Result<Option<Bound>> {
        let arena: &Arena<AExpr> = &self.plan.expr_arena;
        let expr = arena.get(node);
        let apart;
        let bounds = match expr {
            AExpr::Over { partition_by, .. } if partition_by.iter().any(|by| self.is_currency(*by)) => {
                apart = Bounds {
                    one_currency: true,
                    ..bounds.clone()
                };
                &apart
            }
            _ => bounds,
        };
        let unlike = || {
            Error::usage("a sum of the statement adds amounts of unlike currencies")
                .hint("group by billing_currency, or filter: where billing_currency = 'USD'")
        };
        let mut inputs = Vec::new();
        expr.inputs_rev(&mut inputs);
        inputs.reverse();
        let mut input_bounds = Vec::with_capacity(inputs.len());
        for input in &inputs {
            input_bounds.push(self.expr(*input, schema, bounds)?);
        }
        let takes_money = input_bounds.iter().any(Option::is_some);
        let dtype = self.dtype(node, schema)?;
        let gives_money = matches!(dtype, DataType::Decimal(..));
        let greatest = input_bounds.iter().flatten().copied().max().unwrap_or(0);
        let refuse = |what: &str, hint: &str| Err(Error::usage(what.to_owned()).hint(hint.to_owned()));
        let bound = match expr {
            AExpr::Column(name) if gives_money => {
                bounds.columns.get(name.as_str()).copied().unwrap_or(Bound::MAX)
            }
            AExpr::Literal(literal) if gives_money => literal_bound(literal),
            _ if !takes_money && !gives_money => return Ok(None),
            AExpr::BinaryExpr { left, op, right } => {
                let (left_type, right_type) = (self.dtype(*left, schema)?, self.dtype(*right, schema)?);
                if left_type.is_float() || right_type.is_float() {
                    return refuse(
                        "an amount meets a binary float",
                        "write numbers with a point, such as 0.1, or say CAST(… AS DOUBLE) to leave exactness",
                    );
                }
                match op {
                    Operator::Plus | Operator::Minus => sum(&input_bounds),
                    Operator::Multiply => match (self.whole_number(*left), self.whole_number(*right)) {
                        (Some(factor), _) => factor.saturating_mul(input_bounds[1].unwrap_or(Bound::MAX)),
                        (_, Some(factor)) => factor.saturating_mul(input_bounds[0].unwrap_or(Bound::MAX)),
                        _ => {
                            return refuse(
                                "a product of two decimals is rounded by the engine that runs SQL",
                                "multiply by a whole number of the statement, or say CAST(… AS DOUBLE) to leave exactness",
                            );
                        }
                    },
                    op if op.is_comparison() => return Ok(None),
                    _ => {
                        return refuse(
                            "a quotient of amounts is not exact",
                            "say CAST(… AS DOUBLE) on both sides to leave exactness; billfold report has exact shares",
                        );
                    }
                }
            }
            AExpr::Cast {
                expr: input,
                dtype: to,
                options,
            } => {
                match to {
                    DataType::Decimal(_, scale) => match (takes_money, arena.get(*input)) {
                        (true, _) => greatest,
                        (false, AExpr::Literal(literal)) => literal_bound(literal),
                        // Whatever fits the type.
                        _ => {
                            TOO_MUCH
                                / 10u128
                                    .checked_pow(u32::try_from(*scale).unwrap_or(38))
                                    .unwrap_or(TOO_MUCH)
                        }
                    },
                    // `CAST` is strict; a cast that the engine adds by itself is not.
                    to if to.is_float() && *options != CastOptions::Strict => {
                        return refuse(
                            "an amount would become a binary float",
                            "say CAST(… AS DOUBLE) to leave exactness",
                        );
                    }
                    to if to.is_integer() => {
                        return refuse(
                            "an amount cast to a whole number loses its decimals",
                            "round it: ROUND(cost, 0)",
                        );
                    }
                    _ => return Ok(None),
                }
            }
            AExpr::Agg(agg) => match agg {
                IRAggExpr::Sum(_) if takes_money && !bounds.one_currency => return Err(unlike()),
                IRAggExpr::Sum(_) => greatest.saturating_mul(bounds.rows.max(1)),
                IRAggExpr::Min { .. }
                | IRAggExpr::Max { .. }
                | IRAggExpr::First(_)
                | IRAggExpr::FirstNonNull(_)
                | IRAggExpr::Last(_)
                | IRAggExpr::LastNonNull(_)
                | IRAggExpr::Item { .. } => greatest,
                IRAggExpr::Count { .. } | IRAggExpr::NUnique(_) => return Ok(None),
                _ => {
                    return refuse(
                        "averages and spreads of amounts are binary floats",
                        "divide by hand, CAST(SUM(cost) AS DOUBLE) / COUNT(cost), or use billfold report --show average",
                    );
                }
            },
            AExpr::Ternary { truthy, falsy, .. } => {
                let (a, b) = (
                    self.expr(*truthy, schema, bounds)?,
                    self.expr(*falsy, schema, bounds)?,
                );
                if !gives_money {
                    if dtype.is_float() && (a.is_some() || b.is_some()) {
                        return refuse(
                            "an amount would become a binary float",
                            "give all branches decimals",
                        );
                    }
                    return Ok(None);
                }
                a.unwrap_or(0)
                    .max(b.unwrap_or(0))
                    .max(self.free_literals(&inputs))
            }
            AExpr::Sort { .. }
            | AExpr::SortBy { .. }
            | AExpr::Gather { .. }
            | AExpr::Filter { .. }
            | AExpr::Slice { .. }
            | AExpr::Over { .. } => {
                if !gives_money {
                    return Ok(None);
                }
                greatest
            }
            AExpr::Function { function, .. } => match known(function) {
                _ if dtype.is_float() => {
                    return refuse(
                        "a function of an amount gives a binary float",
                        "say CAST(… AS DOUBLE) on the amount to leave exactness",
                    );
                }
                Some(Keeps::Other) if !gives_money => return Ok(None),
                Some(Keeps::Bound) if gives_money => {
                    greatest.max(self.free_literals(&inputs)).saturating_add(1)
                }
                Some(Keeps::Bound) => return Ok(None),
                Some(Keeps::Sum) if !bounds.one_currency => return Err(unlike()),
                Some(Keeps::Sum) => greatest.saturating_mul(bounds.rows.max(1)),
                Some(Keeps::Sides) => sum(&input_bounds),
                _ => return Err(unknown(&format!("the function {function}"))),
            },
            _ => return Err(unknown("an expression over an amount")),
        };
        fits(bound, &dtype)?;
        Ok(Some(bound))
    }

    /// The magnitude of a whole number of the statement, whatever type the engine gave it.
    fn whole_number(&self, node: Node) -> Option<Bound> {
        match self.plan.expr_arena.get(node) {
            AExpr::Literal(literal) => {
                let text = text_of(literal);
                let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
                let is_whole = fraction.bytes().all(|digit| digit == b'0');
                let number = whole.parse::<i128>().ok().filter(|_| is_whole);
                number.map(i128::unsigned_abs)
            }
            AExpr::Cast { expr, .. } => self.whole_number(*expr),
            AExpr::Function {
                input,
                function: IRFunctionExpr::Negate,
                ..
            } => self.whole_number(input.first()?.node()),
            _ => None,
        }
    }

    /// The greatest number of the statement among the inputs that are no decimals.
    fn free_literals(&self, inputs: &[Node]) -> Bound {
        let literals = inputs
            .iter()
            .filter_map(|node| match self.plan.expr_arena.get(*node) {
                AExpr::Literal(literal) => Some(literal_bound(literal)),
                _ => None,
            });
        literals.filter(|bound| *bound != Bound::MAX).max().unwrap_or(0)
    }
}

/// Refuses a sum that may need more than 38 digits.
fn fits(bound: Bound, dtype: &DataType) -> Result<()> {
    let DataType::Decimal(_, scale) = dtype else {
        return Ok(());
    };
    let power = 10u128.checked_pow(u32::try_from(*scale).unwrap_or(u32::MAX));
    let fits = power
        .and_then(|power| bound.checked_mul(power))
        .is_some_and(|units| units < TOO_MUCH);
    if fits {
        return Ok(());
    }
    let message = if bound == Bound::MAX {
        "nothing bounds an amount of this statement, so its sum might not fit 38 digits".to_owned()
    } else {
        format!(
            "an amount of this statement may come to {bound}, which with {scale} decimals does not fit 38 digits"
        )
    };
    Err(Error::limit("limit.digits", message)
        .hint("round first, SUM(ROUND(cost, 8)), multiply by numbers of the statement only, or use billfold sums, which holds 76 digits"))
}

/// What a function does to a bound.
enum Keeps {
    /// No amount beyond the greatest of its inputs, but for rounding up by one.
    Bound,
    /// An amount of up to all rows together.
    Sum,
    /// An amount of up to all inputs together.
    Sides,
    /// Something that is no amount.
    Other,
}

fn known(function: &IRFunctionExpr) -> Option<Keeps> {
    Some(match function {
        IRFunctionExpr::Abs
        | IRFunctionExpr::Negate
        | IRFunctionExpr::Coalesce
        | IRFunctionExpr::FillNull
        | IRFunctionExpr::FillNullWithStrategy(
            FillNullStrategy::Forward(_)
            | FillNullStrategy::Backward(_)
            | FillNullStrategy::Min
            | FillNullStrategy::Max
            | FillNullStrategy::Zero
            | FillNullStrategy::One,
        )
        | IRFunctionExpr::Shift
        | IRFunctionExpr::ShiftAndFill
        | IRFunctionExpr::DropNulls
        | IRFunctionExpr::MaxHorizontal
        | IRFunctionExpr::MinHorizontal
        | IRFunctionExpr::Round { .. }
        | IRFunctionExpr::Truncate { .. }
        | IRFunctionExpr::Floor
        | IRFunctionExpr::Ceil
        | IRFunctionExpr::Unique(_)
        | IRFunctionExpr::CumMin { .. }
        | IRFunctionExpr::CumMax { .. }
        | IRFunctionExpr::Reverse
        | IRFunctionExpr::SetSortedFlag(_)
        | IRFunctionExpr::MinBy
        | IRFunctionExpr::MaxBy => Keeps::Bound,
        IRFunctionExpr::CumSum { .. } => Keeps::Sum,
        IRFunctionExpr::SumHorizontal { .. } => Keeps::Sides,
        IRFunctionExpr::Boolean(_)
        | IRFunctionExpr::NullCount
        | IRFunctionExpr::Rank { .. }
        | IRFunctionExpr::ArgMin
        | IRFunctionExpr::ArgMax
        | IRFunctionExpr::ArgUnique
        | IRFunctionExpr::CumCount { .. } => Keeps::Other,
        _ => return None,
    })
}

fn sum(bounds: &[Option<Bound>]) -> Bound {
    // A number of the statement beside an amount is a decimal or a whole number, and counts by its own bound.
    bounds
        .iter()
        .map(|bound| bound.unwrap_or(WHOLE_NUMBER))
        .fold(0, Bound::saturating_add)
}

/// Beyond any 64-bit whole number.
const WHOLE_NUMBER: Bound = 1 << 64;

/// A number of the statement as text.
fn text_of(literal: &LiteralValue) -> String {
    let text = literal.to_any_value().map(|value| match value {
        polars::prelude::AnyValue::String(text) => text.to_owned(),
        value => value.to_string(),
    });
    text.unwrap_or_default().trim_matches('"').to_owned()
}

/// The magnitude of a number in the statement.
fn literal_bound(literal: &LiteralValue) -> Bound {
    let text = text_of(literal);
    let whole = text
        .trim_start_matches(['-', '+'])
        .split('.')
        .next()
        .unwrap_or_default();
    match whole.parse::<u128>() {
        Ok(units) => units.saturating_add(1),
        Err(_) if whole.is_empty() || whole == "null" => 1,
        Err(_) => Bound::MAX,
    }
}

fn decimals_of(schema: &Schema) -> impl Iterator<Item = String> {
    let is_decimal = |(_, dtype): &(_, &DataType)| matches!(dtype, DataType::Decimal(..));
    schema
        .iter()
        .filter(is_decimal)
        .map(|(name, _)| name.to_string())
        .collect::<Vec<_>>()
        .into_iter()
}

fn unknown(what: &str) -> Error {
    Error::usage(format!("{what} is not known to keep amounts exact"))
        .hint("say CAST(… AS DOUBLE) on the amount to leave exactness, or ask without it")
}
