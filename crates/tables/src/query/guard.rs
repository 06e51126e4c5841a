//! Which statements may run, and how their failures are told.

use cairn_kernel::{Error, Kind, Result};
use datafusion::common::DataFusionError;
use datafusion::execution::context::{SQLOptions, SessionState};
use datafusion::logical_expr::LogicalPlan;
use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast::{SetExpr, Statement as SqlStatement};
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Token, Tokenizer};

/// Longest statement.
const MAX_SQL_BYTES: usize = 64 << 10;

/// Most operators, joins and the like. Each may nest the plan once more, and
/// planning recurses; a list of values after IN costs none.
const MAX_OPERATORS: usize = 1_000;

/// Refuses statements too long or too deep to be planned.
pub(super) fn check_text(sql: &str) -> Result<()> {
    if sql.trim().is_empty() {
        return Err(invalid("the statement is empty; write a SELECT"));
    }
    if sql.len() > MAX_SQL_BYTES {
        let length = sql.len();
        return Err(invalid(format!(
            "the statement has {length} bytes; the most is {MAX_SQL_BYTES}"
        )));
    }
    let tokens = Tokenizer::new(&GenericDialect {}, sql).tokenize();
    let tokens = tokens.map_err(|cause| invalid(format!("the SQL cannot be read: {cause}")))?;
    let operators = tokens.iter().filter(|token| nests(token)).count();
    if operators > MAX_OPERATORS {
        return Err(invalid(format!(
            "the statement has {operators} operators and joins; the most is {MAX_OPERATORS}; \
             use IN (…) for long lists of values"
        )));
    }
    Ok(())
}

fn nests(token: &Token) -> bool {
    use Keyword as K;
    match token {
        Token::Word(word) => matches!(
            word.keyword,
            K::AND
                | K::OR
                | K::NOT
                | K::XOR
                | K::IS
                | K::LIKE
                | K::ILIKE
                | K::SIMILAR
                | K::BETWEEN
                | K::IN
                | K::CASE
                | K::WHEN
                | K::JOIN
                | K::UNION
                | K::EXCEPT
                | K::INTERSECT
                | K::SELECT
                | K::OVERLAPS
                | K::COLLATE
                | K::AT
                | K::DIV
                | K::REGEXP
                | K::RLIKE
        ),
        Token::Comma | Token::Period | Token::RParen | Token::RBracket | Token::RBrace => false,
        Token::EOF | Token::Whitespace(_) | Token::SemiColon | Token::Number(..) => false,
        Token::SingleQuotedString(_) | Token::DoubleQuotedString(_) => false,
        _ => true,
    }
}

/// Plans `sql` after making sure that it is one SELECT or WITH that only reads.
///
/// Unquoted names are first read as the SQL standard has it (in lower case), and
/// if that names nothing, as they are spelled: columns out of files have capitals.
pub(super) async fn plan(
    state: &SessionState,
    sql: &str,
    tables: &[(String, String)],
) -> Result<LogicalPlan> {
    let dialect = state.config_options().sql_parser.dialect;
    let failed = |cause| explain(cause, tables, 0);
    let statement = state.sql_to_statement(sql, &dialect).map_err(failed)?;
    require_query(&statement)?;
    let plan = match state.statement_to_plan(statement.clone()).await {
        Ok(plan) => plan,
        Err(first) => {
            let mut as_spelled = state.clone();
            as_spelled.config_mut().options_mut().sql_parser.enable_ident_normalization = false;
            let second = as_spelled.statement_to_plan(statement).await;
            second.map_err(|_| explain(first, tables, 0))?
        }
    };
    let reading =
        SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false);
    reading.verify_plan(&plan).map_err(|_| only_reading())?;
    Ok(plan)
}

fn require_query(statement: &Statement) -> Result<()> {
    let Statement::Statement(statement) = statement else { return Err(only_reading()) };
    let SqlStatement::Query(query) = statement.as_ref() else { return Err(only_reading()) };
    match query.body.as_ref() {
        SetExpr::Insert(_) | SetExpr::Update(_) | SetExpr::Delete(_) | SetExpr::Merge(_) => {
            Err(only_reading())
        }
        _ => Ok(()),
    }
}

fn only_reading() -> Error {
    invalid("only one SELECT statement (or WITH … SELECT) is run here; it cannot change anything")
}

/// A DataFusion failure as an error for the one who wrote the SQL.
pub(super) fn explain(
    cause: DataFusionError,
    tables: &[(String, String)],
    memory_bytes: usize,
) -> Error {
    use DataFusionError as E;
    let message = match cause.find_root() {
        E::ResourcesExhausted(_) => {
            return out_of_memory(memory_bytes).with_source(cause);
        }
        E::SQL(parser, _) => format!("the SQL cannot be read: {parser}"),
        E::Plan(said) if said.contains("' not found") && said.contains("table '") => {
            let said = said.replace("datafusion.public.", "");
            let names: Vec<_> = tables.iter().map(|(name, _)| name.as_str()).collect();
            let known = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
            format!("{said}; the tables here are: {known}")
        }
        E::Internal(_) | E::ParquetError(_) | E::ObjectStore(_) | E::IoError(_) => {
            return Error::internal("running a query").with_source(cause);
        }
        root => root.message().lines().next().unwrap_or("the query failed").to_owned(),
    };
    invalid(message).with_source(cause)
}

/// The error for a query that outgrew its memory.
pub(super) fn out_of_memory(memory_bytes: usize) -> Error {
    let mib = memory_bytes >> 20;
    Error::new(
        Kind::TooLarge,
        format!(
            "the query needs more than its {mib} MiB of memory; \
             select fewer columns, filter earlier, or sort less"
        ),
    )
    .with_param("sql")
}

fn invalid(message: impl Into<String>) -> Error {
    Error::invalid(message).with_param("sql")
}
