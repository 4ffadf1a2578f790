//! The statement as text: one query, the names in it, and numbers with a point made decimals.
//!
//! Polars reads `0.1` as a binary float and compares money to it as a float. Here it becomes
//! `CAST('0.1' AS DECIMAL(38, 1))` before Polars sees it. Functions that read files are refused: the
//! table is what this program decoded.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use billfold_core::error::Printable;
use billfold_core::{Error, Result};
use sqlparser::ast::{
    CastKind, DataType, ExactNumberInfo, Expr, Ident, Query, SelectItem, SetExpr, Statement as Parsed,
    TableFactor, TableWithJoins, Value, VisitMut, VisitorMut,
};
use sqlparser::dialect::GenericDialect;
use sqlparser::parser::Parser;

/// A statement, read.
#[derive(Debug)]
pub(super) struct Statement {
    parsed: Parsed,
    /// Names that may be columns, and whether they were quoted.
    names: BTreeSet<(String, bool)>,
    /// Names that the statement gives: aliases and common table expressions.
    given: BTreeSet<String>,
    has_star: bool,
}

impl Statement {
    pub(super) fn parse(text: &str) -> Result<Statement> {
        let mut parsed = Parser::parse_sql(&GenericDialect {}, text).map_err(|e| {
            Error::usage(format!(
                "the statement cannot be read: {}",
                Printable(&e.to_string())
            ))
            .hint("write one SELECT over the table charges, quoted for the shell")
        })?;
        let (Some(statement), true) = (parsed.pop(), parsed.is_empty()) else {
            return Err(Error::usage("not one statement").hint("write one SELECT over the table charges"));
        };
        if !matches!(statement, Parsed::Query(_)) {
            return Err(Error::usage("only SELECT is answered").hint("bills are read, never changed"));
        }
        let mut statement = Statement {
            parsed: statement,
            names: BTreeSet::new(),
            given: BTreeSet::new(),
            has_star: false,
        };
        let mut reading = Reading::default();
        if let ControlFlow::Break(error) = statement.parsed.visit(&mut reading) {
            return Err(error);
        }
        (statement.names, statement.given, statement.has_star) =
            (reading.names, reading.given, reading.has_star);
        Ok(statement)
    }

    /// The names that may be columns.
    pub(super) fn names(&self) -> impl Iterator<Item = &(String, bool)> {
        self.names.iter()
    }

    /// Whether all columns are asked for.
    pub(super) fn has_star(&self) -> bool {
        self.has_star
    }

    /// Whether the statement itself gives something this name.
    pub(super) fn defines(&self, name: &str) -> bool {
        self.given.contains(name)
    }

    /// The text that Polars gets.
    pub(super) fn rewritten(&self) -> String {
        self.parsed.to_string()
    }
}

#[derive(Default)]
struct Reading {
    names: BTreeSet<(String, bool)>,
    given: BTreeSet<String>,
    has_star: bool,
}

impl Reading {
    fn name(&mut self, ident: &Ident) {
        self.names
            .insert((ident.value.clone(), ident.quote_style.is_some()));
    }

    fn tables(&mut self, tables: &[TableWithJoins]) -> ControlFlow<Error> {
        for table in tables {
            self.table(&table.relation)?;
            for join in &table.joins {
                self.table(&join.relation)?;
            }
        }
        ControlFlow::Continue(())
    }

    fn table(&mut self, table: &TableFactor) -> ControlFlow<Error> {
        match table {
            TableFactor::Table {
                args: None, alias, ..
            }
            | TableFactor::Derived { alias, .. } => {
                if let Some(alias) = alias {
                    self.given.insert(alias.name.value.clone());
                    self.given
                        .extend(alias.columns.iter().map(|column| column.name.value.clone()));
                }
                ControlFlow::Continue(())
            }
            TableFactor::NestedJoin { table_with_joins, .. } => {
                self.tables(std::slice::from_ref(table_with_joins))
            }
            other => ControlFlow::Break(
                Error::usage(format!("{} is no table here", Printable(&other.to_string())))
                    .hint("the only table is charges; other files are read by naming them as bills"),
            ),
        }
    }
}

impl VisitorMut for Reading {
    type Break = Error;

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<Error> {
        if let Some(with) = &query.with {
            for table in &with.cte_tables {
                self.given.insert(table.alias.name.value.clone());
            }
        }
        let mut bodies: Vec<&SetExpr> = vec![&query.body];
        while let Some(body) = bodies.pop() {
            match body {
                SetExpr::Select(select) => {
                    self.tables(&select.from)?;
                    for item in &select.projection {
                        match item {
                            SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(..) => {
                                self.has_star = true;
                            }
                            SelectItem::ExprWithAlias { alias, .. } => {
                                self.given.insert(alias.value.clone());
                            }
                            _ => {}
                        }
                    }
                }
                SetExpr::SetOperation { left, right, .. } => bodies.extend([left.as_ref(), right.as_ref()]),
                _ => {}
            }
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Error> {
        match expr {
            Expr::Identifier(ident) => self.name(ident),
            Expr::CompoundIdentifier(parts) => {
                if let Some(last) = parts.last() {
                    self.name(last);
                }
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Error> {
        if let Expr::Value(value) = expr
            && let Value::Number(text, _) = &value.value
            && let Some((_, fraction)) = text.split_once('.')
            && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
        {
            if text.len() > 39 {
                return ControlFlow::Break(Error::usage(format!("{text} has more than 38 digits")));
            }
            let scale = i64::try_from(fraction.len()).unwrap_or(38);
            let mut literal = value.clone();
            literal.value = Value::SingleQuotedString(text.clone());
            *expr = Expr::Cast {
                kind: CastKind::Cast,
                expr: Box::new(Expr::Value(literal)),
                data_type: DataType::Decimal(ExactNumberInfo::PrecisionAndScale(38, scale)),
                array: false,
                format: None,
            };
        }
        ControlFlow::Continue(())
    }
}
