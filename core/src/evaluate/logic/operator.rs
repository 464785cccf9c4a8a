//! The operators of targeting rules.

/// What an expression does with its operands. JSONLogic's operators, as flagd has them, and the forms of `var` told apart when compiled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Operator {
    /// `null`, and what a damaged snapshot holds.
    Null = 0,
    /// The literal `false`.
    False,
    /// The literal `true`.
    True,
    /// A literal number.
    Number,
    /// Literal text.
    Text,
    /// A list of expressions.
    List,
    /// A literal object; its operands are members.
    Object,
    /// A member of a literal object.
    Member,
    /// An attribute of the context, or what lies on a path below it.
    Attribute,
    /// A path below the element that `map`, `filter` and their like work on.
    Element,
    /// An attribute or path whose name is itself computed.
    ComputedAttribute,
    /// The same below an element.
    ComputedElement,
    /// The whole context.
    WholeContext,
    /// The key of the flag that is decided.
    FlagKey,
    /// The time of the decision, in whole seconds since 1970.
    Now,
    /// Flag key and time as an object.
    FlagdProperties,
    /// `missing`
    Missing,
    /// `missing_some`
    MissingSome,
    /// `if`
    If,
    /// `and`
    And,
    /// `or`
    Or,
    /// `!`
    Not,
    /// `!!`
    Truthy,
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
    /// `===`
    StrictEqual,
    /// `!==`
    StrictNotEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `+`
    Add,
    /// `-`
    Subtract,
    /// `*`
    Multiply,
    /// `/`
    Divide,
    /// `%`
    Remainder,
    /// `min`
    Min,
    /// `max`
    Max,
    /// `merge`
    Merge,
    /// `in`
    In,
    /// `cat`
    Cat,
    /// `substr`
    Substr,
    /// `map`
    Map,
    /// `filter`
    Filter,
    /// `reduce`
    Reduce,
    /// `all`
    All,
    /// `none`
    NoneOf,
    /// `some`
    Some,
    /// `starts_with`
    StartsWith,
    /// `ends_with`
    EndsWith,
    /// `sem_ver`
    SemVer,
    /// `fractional`, second generation: the bytes of the key are hashed.
    FractionalText,
    /// `fractional`, third generation: the key is hashed as CBOR.
    FractionalCbor,
}

/// Every operator, at the place of its number, with its name in the source.
const ALL: [(Operator, &str); 53] = {
    use Operator as O;
    [
        (O::Null, "null"),
        (O::False, "false"),
        (O::True, "true"),
        (O::Number, "number"),
        (O::Text, "text"),
        (O::List, "list"),
        (O::Object, "object"),
        (O::Member, "member"),
        (O::Attribute, "var"),
        (O::Element, "var"),
        (O::ComputedAttribute, "var"),
        (O::ComputedElement, "var"),
        (O::WholeContext, "var"),
        (O::FlagKey, "var $flagd.flagKey"),
        (O::Now, "var $flagd.timestamp"),
        (O::FlagdProperties, "var $flagd"),
        (O::Missing, "missing"),
        (O::MissingSome, "missing_some"),
        (O::If, "if"),
        (O::And, "and"),
        (O::Or, "or"),
        (O::Not, "!"),
        (O::Truthy, "!!"),
        (O::Equal, "=="),
        (O::NotEqual, "!="),
        (O::StrictEqual, "==="),
        (O::StrictNotEqual, "!=="),
        (O::Greater, ">"),
        (O::GreaterOrEqual, ">="),
        (O::Less, "<"),
        (O::LessOrEqual, "<="),
        (O::Add, "+"),
        (O::Subtract, "-"),
        (O::Multiply, "*"),
        (O::Divide, "/"),
        (O::Remainder, "%"),
        (O::Min, "min"),
        (O::Max, "max"),
        (O::Merge, "merge"),
        (O::In, "in"),
        (O::Cat, "cat"),
        (O::Substr, "substr"),
        (O::Map, "map"),
        (O::Filter, "filter"),
        (O::Reduce, "reduce"),
        (O::All, "all"),
        (O::NoneOf, "none"),
        (O::Some, "some"),
        (O::StartsWith, "starts_with"),
        (O::EndsWith, "ends_with"),
        (O::SemVer, "sem_ver"),
        (O::FractionalText, "fractional"),
        (O::FractionalCbor, "fractional"),
    ]
};

/// The operators alone, which is what evaluation looks up.
#[allow(clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "done by the compiler, which would say so")]
const OPERATORS: [Operator; ALL.len()] = {
    let mut operators = [Operator::Null; ALL.len()];
    let mut i = 0;
    while i < ALL.len() {
        operators[i] = ALL[i].0;
        i += 1;
    }
    operators
};

impl Operator {
    #[inline]
    pub(crate) fn from_u8(operator: u8) -> Self {
        OPERATORS.get(usize::from(operator)).copied().unwrap_or(Self::Null)
    }

    /// The operator that a source calls `name`, where that takes operands and has one meaning.
    pub(crate) fn named(name: &str) -> Option<Self> {
        let first = Self::Missing as usize;
        let last = Self::SemVer as usize;
        let name = if name == "?:" { "if" } else { name };
        ALL.get(first..=last)?.iter().find(|(_, known)| *known == name).map(|(operator, _)| *operator)
    }

    /// As the source writes it.
    #[must_use]
    pub fn name(self) -> &'static str {
        ALL.get(self as usize).map_or("", |(_, name)| name)
    }

    /// Whether it gives true or false, whatever its operands.
    pub(crate) const fn is_predicate(self) -> bool {
        matches!(
            self,
            Self::Not
                | Self::Truthy
                | Self::Equal
                | Self::NotEqual
                | Self::StrictEqual
                | Self::StrictNotEqual
                | Self::Greater
                | Self::GreaterOrEqual
                | Self::Less
                | Self::LessOrEqual
                | Self::In
                | Self::All
                | Self::NoneOf
                | Self::Some
        )
    }

    /// Whether it is a value and not an operation.
    #[must_use]
    pub const fn is_literal(self) -> bool {
        (self as u8) <= Self::Member as u8
    }
}

/// Bits of an expression's detail.
pub(crate) mod detail {
    /// The source gives one operand without a list around it: where it turns out to be a list, its items are the operands.
    pub const SPREAD: u8 = 1;
    /// It stands in the scope of an element.
    pub const ELEMENT: u8 = 2;
    /// Every entry of the distribution is written out.
    pub const CONSTANT: u8 = 4;
    /// `cat` writes null as "null", as the evaluators of the third generation do.
    pub const NULL_AS_TEXT: u8 = 8;
    /// The first operand is an attribute, whose name and hash stand here as well; the second one is text, which stands here as the path.
    pub const WITH_TEXT: u8 = 16;
    /// As before; the second one is a number.
    pub const WITH_NUMBER: u8 = 32;
    /// As before; the second one is true or false, 1 or 0 as the number here.
    pub const WITH_BOOL: u8 = 48;
    /// As before; the second one is a list of texts, and the path here is the range of its items.
    pub const WITH_LIST: u8 = 64;
    /// As before; the second one is the text of a comparison of versions, and the third one a version, which stands here as the path.
    pub const WITH_VERSION: u8 = 80;
    /// Any of these: what most conditions are, evaluated without looking at their operands.
    pub const WITH: u8 = 112;
    /// What is compared lies below the attribute, on the path that the first operand has.
    pub const WITH_PATH: u8 = 128;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operator_stands_at_its_number() {
        for (number, (operator, name)) in ALL.iter().enumerate() {
            assert_eq!(*operator as usize, number, "{name}");
        }
        assert_eq!(Operator::named("some"), Some(Operator::Some));
        assert_eq!(Operator::named("?:"), Some(Operator::If));
        for name in ["var", "fractional", "list", "log", "$ref", ""] {
            assert_eq!(Operator::named(name), None, "{name}");
        }
    }
}
