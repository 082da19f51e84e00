//! The grammar of `$filter`.

use super::filter::{Comparison, Literal, MAX_CLAUSES, Node};
use super::refusal::Refusal;
use super::schema::{Kind, Shape};

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Token {
    Word(String),
    Text(String),
    Mark(char),
}

pub(crate) fn tokens(text: &str) -> Result<Vec<Token>, Refusal> {
    let mut tokens = Vec::new();
    let mut chars = text.chars().peekable();
    while let Some(&next) = chars.peek() {
        if next.is_whitespace() {
            chars.next();
        } else if next == '\'' {
            chars.next();
            let mut value = String::new();
            loop {
                match chars.next() {
                    Some('\'') if chars.peek() == Some(&'\'') => {
                        chars.next();
                        value.push('\'');
                    }
                    Some('\'') => break,
                    Some(other) => value.push(other),
                    None => return Err(invalid()),
                }
            }
            tokens.push(Token::Text(value));
        } else if next.is_alphanumeric() || next == '_' {
            let mut word = String::new();
            while let Some(&c) = chars
                .peek()
                .filter(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.'))
            {
                word.push(c);
                chars.next();
            }
            tokens.push(Token::Word(word));
        } else if matches!(next, '(' | ')' | ',' | '/' | ':') {
            chars.next();
            tokens.push(Token::Mark(next));
        } else {
            return Err(invalid());
        }
    }
    Ok(tokens)
}

pub(crate) fn invalid() -> Refusal {
    Refusal::bad("Invalid filter clause")
}

pub(crate) fn too_many(count: usize) -> Refusal {
    Refusal::unsupported(format!(
        "Too many child clauses specified in search filter expression containing 'OR' operators: {count}. Max allowed: {MAX_CLAUSES}."
    ))
}

pub(crate) struct Parser<'a> {
    pub(crate) tokens: &'a [Token],
    pub(crate) kinds: &'a [Kind],
    pub(crate) advanced: bool,
}

impl Parser<'_> {
    fn next(&mut self) -> Option<Token> {
        let (first, rest) = self.tokens.split_first()?;
        self.tokens = rest;
        Some(first.clone())
    }

    fn eat(&mut self, mark: char) -> Result<(), Refusal> {
        if self.next() == Some(Token::Mark(mark)) {
            Ok(())
        } else {
            Err(invalid())
        }
    }

    fn eat_word(&mut self, word: &str) -> bool {
        let found = matches!(self.tokens.first(), Some(Token::Word(w)) if w == word);
        if found {
            self.next();
        }
        found
    }

    pub(crate) fn either(&mut self) -> Result<Node, Refusal> {
        let mut node = self.both()?;
        while self.eat_word("or") {
            node = Node::Or(Box::new(node), Box::new(self.both()?));
        }
        Ok(node)
    }

    fn both(&mut self) -> Result<Node, Refusal> {
        let mut node = self.term()?;
        while self.eat_word("and") {
            node = Node::And(Box::new(node), Box::new(self.term()?));
        }
        Ok(node)
    }

    fn term(&mut self) -> Result<Node, Refusal> {
        if self.tokens.first() == Some(&Token::Mark('(')) {
            self.next();
            let node = self.either()?;
            self.eat(')')?;
            return Ok(node);
        }
        let Some(Token::Word(word)) = self.next() else {
            return Err(invalid());
        };
        match word.as_str() {
            "not" => {
                self.advanced = true;
                Ok(Node::Not(Box::new(self.term()?)))
            }
            "startswith" | "startsWith" => {
                let (name, text) = self.function()?;
                self.advanced |=
                    matches!(name.as_str(), "description" | "onPremisesSamAccountName");
                Ok(Node::StartsWith(name, text))
            }
            "endswith" | "endsWith" => {
                self.advanced = true;
                let (name, text) = self.function()?;
                Ok(Node::EndsWith(name, text))
            }
            name => self.comparison(name),
        }
    }

    fn function(&mut self) -> Result<(String, String), Refusal> {
        self.eat('(')?;
        let Some(Token::Word(name)) = self.next() else {
            return Err(invalid());
        };
        self.eat(',')?;
        let Some(Token::Text(text)) = self.next() else {
            return Err(invalid());
        };
        self.eat(')')?;
        let (name, shape) = self.property(&name)?;
        if shape == Shape::Text && name != "id" {
            Ok((name, text))
        } else {
            Err(Refusal::unsupported("Unsupported Query."))
        }
    }

    fn property(&self, name: &str) -> Result<(String, Shape), Refusal> {
        if name == "id" {
            return Ok((name.to_owned(), Shape::Text));
        }
        let found = self
            .kinds
            .iter()
            .find_map(|kind| kind.properties().get(kind.index_of(name)?));
        found
            .map(|property| (property.name.to_owned(), property.shape))
            .ok_or_else(|| {
                Refusal::bad(format!(
                    "Invalid filter clause: Could not find a property named '{name}'."
                ))
            })
    }

    fn comparison(&mut self, name: &str) -> Result<Node, Refusal> {
        let (name, shape) = self.property(name)?;
        let advanced_only = matches!(name.as_str(), "description" | "onPremisesSamAccountName");
        self.advanced |= advanced_only;
        if shape == Shape::Texts {
            return self.lambda(name);
        }
        let Some(Token::Word(operator)) = self.next() else {
            return Err(invalid());
        };
        let comparison = match operator.as_str() {
            "in" => return self.list(name, shape),
            "eq" => Comparison::Eq,
            "ne" => Comparison::Ne,
            "ge" => Comparison::Ge,
            "le" => Comparison::Le,
            // Documented for no property of a directory object.
            "gt" | "lt" => return Err(Refusal::unsupported("Unsupported Query.")),
            _ => return Err(invalid()),
        };
        let ordered = !matches!(comparison, Comparison::Eq | Comparison::Ne);
        self.advanced |= comparison == Comparison::Ne;
        let literal = self.literal()?;
        self.advanced |= literal == Literal::Null;
        if ordered && (name == "id" || shape != Shape::Text || !matches!(literal, Literal::Text(_)))
        {
            return Err(Refusal::unsupported("Unsupported Query."));
        }
        if literal != Literal::Null && (shape == Shape::Flag) != matches!(literal, Literal::Flag(_))
        {
            return Err(invalid());
        }
        Ok(Node::Compare(name, comparison, literal))
    }

    fn list(&mut self, name: String, shape: Shape) -> Result<Node, Refusal> {
        if shape != Shape::Text
            || matches!(
                name.as_str(),
                "classification" | "membershipRule" | "description"
            )
        {
            return Err(Refusal::unsupported("Unsupported Query."));
        }
        self.eat('(')?;
        let mut list = vec![self.literal()?];
        loop {
            match self.next() {
                Some(Token::Mark(',')) => list.push(self.literal()?),
                Some(Token::Mark(')')) => break,
                _ => return Err(invalid()),
            }
        }
        if list.len() > MAX_CLAUSES {
            Err(too_many(list.len()))
        } else {
            Ok(Node::In(name, list))
        }
    }

    fn lambda(&mut self, name: String) -> Result<Node, Refusal> {
        self.eat('/')?;
        if !self.eat_word("any") {
            return Err(invalid());
        }
        self.eat('(')?;
        let Some(Token::Word(variable)) = self.next() else {
            return Err(invalid());
        };
        self.eat(':')?;
        if !self.eat_word(&variable) || !self.eat_word("eq") {
            return Err(invalid());
        }
        let Some(Token::Text(text)) = self.next() else {
            return Err(invalid());
        };
        self.eat(')')?;
        Ok(Node::Any(name, text))
    }

    fn literal(&mut self) -> Result<Literal, Refusal> {
        match self.next() {
            Some(Token::Text(text)) => Ok(Literal::Text(text.to_lowercase())),
            Some(Token::Word(word)) if word == "true" => Ok(Literal::Flag(true)),
            Some(Token::Word(word)) if word == "false" => Ok(Literal::Flag(false)),
            Some(Token::Word(word)) if word == "null" => Ok(Literal::Null),
            _ => Err(invalid()),
        }
    }
}
