//! flagd's dialect: Jackstaff's core beside crate datalogic-rs natively, and beside flagd's own evaluator in Node.

use std::collections::HashMap;
use std::hint::black_box;

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use datalogic_rs::{Engine, Logic, ParsedData};
use jackstaff_core::source::flagd::parse_context;
use jackstaff_core::{CompileOptions, Context, Dialect, NoVisitor, Ruleset, Timestamp, Value, compile};
use serde_json::json;

use crate::generate::flagd::{CONTEXT, definitions, targeting};
use crate::measure::{Effort, Work, computing, medians};
use crate::node;
use crate::table::{Row, Table};

/// How many flags are decided in one go.
const FLAGS: usize = 100;

/// Decides one flag, and a hundred. Node gets `seconds`.
pub fn decisions(effort: Effort, now: i64, seconds: f64, table: &mut Table) -> Result<()> {
    let document = definitions(FLAGS);
    let compiled = compile(document.as_bytes(), &CompileOptions::default()).map_err(|errors| anyhow!("{errors:?}"))?;
    ensure!(compiled.diagnostics.is_empty(), "the generated definitions are faulty: {:?}", compiled.diagnostics);
    let ruleset = Ruleset::open(&compiled.snapshot).map_err(anyhow::Error::msg)?;
    let Value::Map(members) = serde_json::from_str(CONTEXT)? else { bail!("the context is no object") };
    let context = parse_context(members, Dialect::Flagd)?;
    let moment = Timestamp(now);

    let rules = Rules::load(now)?;
    for i in 0..FLAGS {
        let (ours, theirs) = (variant(&ruleset, i, &context, moment)?, rules.variant(i)?);
        ensure!(ours == theirs, "datalogic-rs gives another variant of flag-{i}: {theirs}, not {ours}");
    }
    let one = || {
        let flag = ruleset.find(black_box("flag-0"));
        black_box(flag.map(|flag| ruleset.evaluate(flag, black_box(&context), moment)));
    };
    let all = || {
        let mut session = ruleset.session(black_box(&context), moment);
        for flag in ruleset.flags() {
            black_box(session.evaluate(flag, &mut NoVisitor));
        }
    };
    let [ours, rule, whole, all_ours, all_rules] =
        medians(effort, [computing(one), rules.first(1), rules.whole("flag-0"), computing(all), rules.first(FLAGS)]);
    // The crate evaluates the rule alone: no flag is looked up, no variant found. Its data are parsed beforehand.
    let peer = "datalogic-rs 5.4.0 (the rule alone)";
    table.0.push(Row::new("one flagd flag, native", ours, peer, rule, Some(1.0)));
    table.0.push(Row::new("100 flagd flags in one go, native", all_ours, peer, all_rules, Some(1.0)));
    let peer = "datalogic-rs 5.4.0, flag and variant from maps";
    table.0.push(Row::new("one flagd flag, native", ours, peer, whole, None));

    let files = tempfile::tempdir()?;
    let (flags, user) = (files.path().join("flags.json"), files.path().join("context.json"));
    std::fs::write(&flags, &document)?;
    std::fs::write(&user, CONTEXT)?;
    let figures = match node::measure_flagd(&flags, &user, "flag-0", seconds) {
        Ok(figures) => figures,
        Err(error) => {
            eprintln!("peers: NO COMPARISON with flagd's evaluator in Node: {error:#}");
            return Ok(());
        }
    };
    for i in 0..FLAGS {
        let (ours, theirs) = (variant(&ruleset, i, &context, moment)?, figures.variants.get(&format!("flag-{i}")));
        ensure!(
            theirs.is_some_and(|theirs| *theirs == ours),
            "flagd-core gives another variant of flag-{i}: {theirs:?}"
        );
    }
    println!("flagd: @openfeature/flagd-core {} in Node {}\n", figures.version, figures.node);
    let peer = "@openfeature/flagd-core 4.0.1 (Node)";
    table.0.push(Row::new("one flagd flag, native", ours, peer, figures.one_ns, Some(4.0)));
    table.0.push(Row::new("100 flagd flags in one go, native", all_ours, peer, figures.all_ns, Some(4.0)));
    Ok(())
}

/// The variant that the core gives of flag `i`.
fn variant(ruleset: &Ruleset<'_>, i: usize, context: &Context<'_>, now: Timestamp) -> Result<String> {
    let flag = ruleset.find(&format!("flag-{i}")).context("the generated flag is there")?;
    let choice = ruleset.evaluate(flag, context, now).choice.context("the generated flag has a variant")?;
    Ok(ruleset.variant(choice.variant).context("the variant is there")?.key.to_owned())
}

/// The flags' rules in datalogic-rs, each with its own data: they hold the flag's key.
struct Rules {
    engine: Engine,
    rules: Vec<(Logic, ParsedData)>,
    /// By key: which of them is the flag's, and the value of each of its variants.
    flags: HashMap<String, (usize, HashMap<String, String>)>,
}

impl Rules {
    fn load(now: i64) -> Result<Self> {
        let engine = Engine::new();
        let rules = (0..FLAGS)
            .map(|i| {
                let logic = engine.compile(targeting(i).as_str()).map_err(|error| anyhow!("datalogic-rs: {error}"))?;
                let mut data: serde_json::Value = serde_json::from_str(CONTEXT)?;
                data["$flagd"] = json!({ "flagKey": format!("flag-{i}"), "timestamp": now / 1_000 });
                let data =
                    ParsedData::from_json(&data.to_string()).map_err(|error| anyhow!("datalogic-rs: {error}"))?;
                Ok((logic, data))
            })
            .collect::<Result<Vec<_>>>()?;
        let variants =
            |i: usize| ["small", "medium", "large"].map(|key| (key.to_owned(), format!("{}-{i}", &key[..1])));
        let flags = (0..FLAGS).map(|i| (format!("flag-{i}"), (i, variants(i).into()))).collect();
        Ok(Self { engine, rules, flags })
    }

    fn variant(&self, i: usize) -> Result<String> {
        let (logic, data) = &self.rules[i];
        let value =
            self.engine.session().eval(logic, data.value()).map_err(|error| anyhow!("datalogic-rs: {error}"))?;
        Ok(value.as_str().with_context(|| format!("datalogic-rs gives no variant of flag-{i}"))?.to_owned())
    }

    /// Decides a flag as an evaluator around the crate would: found by its key, its rule evaluated, the variant's value found.
    fn whole<'w>(&'w self, key: &'w str) -> Work<'w> {
        let mut session = self.engine.session();
        computing(move || {
            if let Some((rule, variants)) = self.flags.get(black_box(key))
                && let Some((logic, data)) = self.rules.get(*rule)
            {
                let variant = session.eval_borrowed(black_box(logic), black_box(data.value()));
                black_box(variant.ok().and_then(|variant| variants.get(variant.as_str()?)));
            }
            session.reset();
        })
    }

    /// Evaluates the first `count` rules, as its documentation shows it for hot loops: one session, reset after each.
    fn first(&self, count: usize) -> Work<'_> {
        let mut session = self.engine.session();
        computing(move || {
            for (logic, data) in self.rules.iter().take(count) {
                _ = black_box(session.eval_borrowed(black_box(logic), black_box(data.value())));
                session.reset();
            }
        })
    }
}
