//! Statements that are understood, and that nothing breaks.

use proptest::prelude::*;

use super::*;

struct Small(Dialect);

impl World for Small {
    fn dialect(&self) -> Dialect {
        self.0
    }

    fn table(&self, path: &[String]) -> Option<Table> {
        let orders =
            |id: i64, owner: Value, total: &str| vec![Value::Int(id), owner, Value::text(total)];
        Some(match path.last()?.as_str() {
            "people" => Table {
                lenient: false,
                ..Table::system(
                    "people",
                    "id:int name",
                    vec![
                        vec![Value::Int(1), Value::text("Ann")],
                        vec![Value::Int(2), Value::text("Bob")],
                        vec![Value::Int(3), Value::Null],
                    ],
                )
            },
            "orders" => Table::system(
                "orders",
                "id:int owner:int total",
                vec![
                    orders(7, Value::Int(1), "10.50"),
                    orders(8, Value::Int(1), "9.25"),
                    orders(9, Value::Null, "1.00"),
                ],
            ),
            _ => return None,
        })
    }

    fn call(&self, name: &str, _: &[Value]) -> Option<Value> {
        (name == "version").then(|| Value::text("v"))
    }

    fn variable(&self, _: &str) -> Option<Value> {
        None
    }
}

fn ask(text: &str, dialect: Dialect) -> Result<String, Wrong> {
    let (mut out, budget) = (String::new(), Budget::default());
    for part in statements(text, dialect)? {
        let query = match part.statement {
            Statement::Query(query) => query,
            Statement::Change { rows, .. } => rows,
            other => return Ok(format!("{other:?}")),
        };
        let answer = Run::new(&Small(dialect), &[Value::Int(1)], &budget).answer(&query)?;
        let names: Vec<_> = answer
            .columns
            .iter()
            .map(|column| column.name.clone())
            .collect();
        out += &names.join(",");
        for row in answer.rows {
            let row: Vec<_> = row.iter().map(Value::show).collect();
            out += &format!(";{}", row.join(","));
        }
    }
    Ok(out)
}

#[test]
fn queries_are_answered() {
    for (text, expect) in [
        ("select 1", "?column?;1"),
        ("SELECT version()", "version;v"),
        ("select count(*) from people", "count;3"),
        ("select * from people where id = 2", "id,name;2,Bob"),
        ("select name n from people where name like 'a%'", "n"),
        ("select name n from people where name ilike 'a%'", "n;Ann"),
        (
            "select id from people order by id desc limit 1 offset 1",
            "id;2",
        ),
        (
            "select p.name, o.total from people p join orders o on o.owner = p.id order by 2",
            "name,total;Ann,9.25;Ann,10.50",
        ),
        (
            "select p.id from people p left join orders o on o.owner = p.id where o.id is null order by 1",
            "id;2;3",
        ),
        (
            "select owner, sum(total), count(*) from orders group by owner order by 3",
            "owner,sum,count;,1.00,1;1,19.75,2",
        ),
        (
            "select name from people where id in (select owner from orders)",
            "name;Ann",
        ),
        (
            "select case when id > 1 then 'more' else 'one' end from people where not id = 3",
            "case;one;more",
        ),
        (
            "select exists(select 1 from orders o where o.owner = 1)",
            "exists;1",
        ),
        (
            "select (select max(total) from orders where owner = p.id) as m from people p where id = $1",
            "m;10.50",
        ),
        (
            "with x as (select 5 as five) select five + 1 from x",
            "?column?;6",
        ),
        ("values (1, 'a'), (2, 'b')", "column1,column2;1,a;2,b"),
        (
            "select id from people union select owner from orders order by 1",
            "id;1;2;3;",
        ),
        ("select array(select id from people)::text", "array;{1,2,3}"),
        ("select 'a' = any (array['a','b'])", "?column?;1"),
        (
            "select name from people where name operator(pg_catalog.~) '^(Ann)$' collate pg_catalog.default",
            "name;Ann",
        ),
        (
            "update people set name = 'x' where id between 1 and 2",
            "id,name;1,Ann;2,Bob",
        ),
        ("delete from people", "id,name;1,Ann;2,Bob;3,"),
    ] {
        assert_eq!(
            ask(text, Dialect::Postgres).as_deref(),
            Ok(expect),
            "{text}"
        );
    }
    assert_eq!(
        ask("SELECT TOP 1 [name] FROM dbo.people", Dialect::Mssql).as_deref(),
        Ok("name;Ann")
    );
    assert_eq!(
        ask(
            "SELECT `name`, \"x\" FROM people LIMIT 1,1 # end",
            Dialect::Mysql
        )
        .as_deref(),
        Ok("name,\"x\";Bob,x")
    );
}

#[test]
fn what_is_wrong_is_said_where_it_stands() {
    let wrong = |text: &str| ask(text, Dialect::Postgres).unwrap_err();
    assert_eq!(
        wrong("select * from nope"),
        Wrong::Table {
            schema: None,
            name: "nope".into(),
            at: 14
        }
    );
    assert_eq!(
        wrong("select nope from people"),
        Wrong::Column {
            table: None,
            name: "nope".into(),
            at: 7
        }
    );
    assert_eq!(
        wrong("select 1 from from people"),
        Wrong::Syntax {
            near: "from".into(),
            at: 14
        }
    );
    assert_eq!(
        wrong("select"),
        Wrong::Syntax {
            near: String::new(),
            at: 6
        }
    );
    assert_eq!(wrong("select 'abc"), Wrong::Open { at: 7 });
    assert_eq!(wrong("select 1/0"), Wrong::Zero);
    let deep = format!("select {}1{}", "(".repeat(5000), ")".repeat(5000));
    assert_eq!(wrong(&deep), Wrong::TooMuch);
    let long = format!("select 1{}", "+1".repeat(5000));
    assert_eq!(wrong(&long), Wrong::TooMuch);
    let letters = "a".repeat(200_000);
    for costly in [
        format!("select '{letters}' like '{}'", "%a".repeat(50_000)),
        format!(
            "select '{letters}' = a.name from people a, people b, people c, people d, people e, people f"
        ),
        format!(
            "select count(*) from people a, people b, people c, people d, people e, people f where '{}' ~ '(a*)*b'",
            &letters[..1000]
        ),
    ] {
        assert_eq!(wrong(&costly), Wrong::TooMuch);
    }
    let wide = "select count(*) from people a, people b, people c, people d, people e, people f, people g, people h, people i, people j, people k, people l, people m";
    assert_eq!(wrong(wide), Wrong::TooMuch);
}

#[test]
fn nothing_costs_more_than_its_text() {
    let wrong = |text: &str| ask(text, Dialect::Postgres).unwrap_err();
    for word in ["interval ", "date "] {
        let text = format!("select {}1", word.repeat(5000));
        assert_eq!(wrong(&text), Wrong::TooMuch, "{word}");
    }
    // A number of the peer's is no number of parameters.
    for number in ["1001", "18446744073709551615", "99999999999999999999"] {
        let text = format!("insert into people values (${number})");
        assert_eq!(wrong(&text), Wrong::TooMuch, "{number}");
    }
    let parameters = |text: &str| statements(text, Dialect::Postgres).unwrap()[0].parameters;
    assert_eq!(parameters("insert into people values ($1, $2)"), 2);
    assert_eq!(parameters("select $0"), 1);
    // Neither columns nor statements without end.
    let stars = format!("select {} from people", vec!["*"; 900].join(","));
    assert_eq!(wrong(&stars), Wrong::TooMuch);
    let many = |count| "select 1;".repeat(count);
    assert!(ask(&many(100), Dialect::Postgres).is_ok());
    assert_eq!(wrong(&many(101)), Wrong::TooMuch);
    let long =
        "select a.total from orders a, orders b, orders c, orders d, orders e, orders f, orders g;";
    assert!(ask(long, Dialect::Postgres).is_ok());
    assert_eq!(wrong(&long.repeat(100)), Wrong::TooMuch);
}

#[test]
fn between_stands_once() {
    let nested = format!("select 1{} as x", " between 0 and 1".repeat(140));
    assert_eq!(ask(&nested, Dialect::Postgres).as_deref(), Ok("x;1"));
    for (text, expect) in [
        ("select 2 between 1 and 3 as x", "x;1"),
        ("select 2 not between 1 and 3 as x", "x;0"),
        ("select 2 between null and 1 as x", "x;0"),
        ("select 2 between null and 3 as x", "x;"),
        ("select count(id) between 1 and 3 as x from people", "x;1"),
    ] {
        assert_eq!(
            ask(text, Dialect::Postgres).as_deref(),
            Ok(expect),
            "{text}"
        );
    }
}

#[test]
fn functions_of_nothing_are_none() {
    for name in ["sum", "string_agg", "count_big", "concat_ws"] {
        let text = format!("select {name}() from people");
        let wrong = ask(&text, Dialect::Postgres).unwrap_err();
        let expect = Wrong::Function {
            name: name.to_owned(),
            arguments: Vec::new(),
            at: 7,
        };
        assert_eq!(wrong, expect);
    }
    assert_eq!(
        ask(
            "select count(distinct owner), '{1}'[0x0] x from orders",
            Dialect::Postgres
        )
        .as_deref(),
        Ok("count,x;1,")
    );
}

#[test]
fn the_order_is_total() {
    let values = "values ('1a'), ('10'), ('9'), ('nan'), (9.5), (null), ('-3') order by 1";
    assert_eq!(
        ask(values, Dialect::Postgres).as_deref(),
        Ok("column1;-3;9;9.5;10;1a;nan;")
    );
    let texts = ["1a", "10", "9", "nan", "inf", "x", "-3", "1e5", ""].map(Value::text);
    let close = [
        Value::Int(1 << 53),
        Value::Int((1 << 53) + 1),
        Value::Float(9_007_199_254_740_992.0),
        Value::Bool(true),
        Value::Float(f64::NAN),
        Value::Null,
    ];
    let all: Vec<_> = texts.into_iter().chain(close).collect();
    for one in &all {
        for two in &all {
            assert_eq!(one.sorted(two, true), two.sorted(one, true).reverse());
            for three in &all {
                if one.sorted(two, true).is_le() && two.sorted(three, true).is_le() {
                    assert!(one.sorted(three, true).is_le(), "{one:?} {two:?} {three:?}");
                }
            }
        }
    }
}

#[test]
fn huge_moments_do_not_overflow() {
    for text in [
        "9223372036854775807-01-01",
        "999999999-99999999-99999999 99999999:99999999:99999999.99999999",
    ] {
        assert!(micros(text) > 0, "{text}");
    }
}

proptest! {
    #[test]
    fn nothing_breaks_it(text in "\\PC{0,200}") {
        for dialect in [Dialect::Postgres, Dialect::Mysql, Dialect::Mssql] {
            let _ = ask(&text, dialect);
        }
    }

    #[test]
    fn no_order_of_words_breaks_it(words in prop::collection::vec(
        prop::sample::select(vec![
            "select", "from", "where", "people", "orders", "id", "name", ",", "(", ")", "*", "1", "'a'", "=", "and",
            "not", "in", "case", "when", "then", "end", "join", "on", "left", "group", "order", "by", "limit", "union",
            "::", "int", "[", "]", "array", "any", "count", "sum", ".", "as", "x", "-", "/", "0", "with", "values", "is",
            "null", "between", "like", "insert", "into", "update", "set", "delete", ";", "$1", "?", "@a", "substr",
        ]), 0..40)) {
        let text = words.join(" ");
        for dialect in [Dialect::Postgres, Dialect::Mysql, Dialect::Mssql] {
            let _ = ask(&text, dialect);
        }
    }
}
