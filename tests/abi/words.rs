//! The words of Rust source, without comments, strings and items that are compiled for tests only.

/// The place of the brace that closes the first one of these words.
pub fn closing(words: &[(usize, String)]) -> usize {
    let mut depth = 0;
    let closes = words.iter().position(|(_, word)| {
        depth += match word.as_str() {
            "{" => 1,
            "}" => -1,
            _ => 0,
        };
        depth == 0
    });
    closes.expect("a closing brace")
}

/// The parts between commas, where commas in inner braces do not count.
pub fn branches(words: &[(usize, String)]) -> Vec<&[(usize, String)]> {
    let mut found = Vec::new();
    let (mut start, mut index) = (0, 0);
    while index < words.len() {
        match words[index].1.as_str() {
            "{" => index += closing(&words[index..]),
            "," => {
                found.push(&words[start..index]);
                start = index + 1;
            }
            _ => {}
        }
        index += 1;
    }
    found.push(&words[start..]);
    found.into_iter().filter(|branch| !branch.is_empty()).collect()
}

/// Names, `::`, and every other character that is no white space, with their places.
pub fn words(code: &[char]) -> Vec<(usize, String)> {
    let is_name = |character: &char| character.is_alphanumeric() || *character == '_';
    let mut found = Vec::new();
    let mut at = 0;
    while at < code.len() {
        let length = match &code[at..] {
            [first, ..] if first.is_whitespace() => {
                at += 1;
                continue;
            }
            [first, ..] if is_name(first) => code[at..].iter().take_while(|character| is_name(character)).count(),
            [':', ':', ..] => 2,
            _ => 1,
        };
        found.push((at, code[at..at + length].iter().collect()));
        at += length;
    }
    found
}

/// The same characters, with a space in place of each one in comments and strings.
pub fn without_texts(text: &str) -> Vec<char> {
    let mut code: Vec<char> = text.chars().collect();
    let mut at = 0;
    while at < code.len() {
        let length = match &code[at..] {
            ['/', '/', ..] => code[at..].iter().position(|character| *character == '\n').unwrap_or(code.len() - at),
            ['/', '*', ..] => panic!("a comment of a form that this reader does not know"),
            ['"', ..] => quoted(&code[at..], '"'),
            ['r', '"' | '#', ..] if at == 0 || !code[at - 1].is_alphanumeric() || code[at - 1] == 'b' => {
                raw(&code[at..]).unwrap_or(1)
            }
            ['\'', '\\', ..] => quoted(&code[at..], '\''),
            // A character; a quotation mark in any other place starts a lifetime.
            ['\'', _, '\'', ..] => 3,
            _ => {
                at += 1;
                continue;
            }
        };
        for character in &mut code[at..at + length] {
            if *character != '\n' {
                *character = ' ';
            }
        }
        at += length;
    }
    code
}

fn quoted(code: &[char], quote: char) -> usize {
    let mut at = 1;
    while code[at] != quote {
        at += if code[at] == '\\' { 2 } else { 1 };
    }
    at + 1
}

/// The length of a raw string literal. `None` where none starts here: `r#type` is a name.
fn raw(code: &[char]) -> Option<usize> {
    let marks = code[1..].iter().take_while(|character| **character == '#').count();
    (code.get(1 + marks) == Some(&'"')).then_some(())?;
    let end: Vec<char> = std::iter::once('"').chain(std::iter::repeat_n('#', marks)).collect();
    let length = code[2 + marks..].windows(end.len()).position(|window| window == end)?;
    Some(2 + marks + length + end.len())
}

/// The same characters, with a space in place of each one in items that are compiled for tests only.
pub fn without_tests(mut code: Vec<char>) -> Vec<char> {
    let words = words(&code);
    let mark = ["#", "[", "cfg", "(", "test", ")", "]"];
    for index in 0..words.len() {
        let is_marked =
            mark.iter().enumerate().all(|(step, mark)| words.get(index + step).is_some_and(|(_, word)| word == mark));
        if is_marked {
            let rest = &words[index..];
            let end = rest.iter().position(|(_, word)| word == ";" || word == "{").expect("an item");
            let end = if rest[end].1 == "{" { end + closing(&rest[end..]) } else { end };
            for character in &mut code[rest[0].0..=rest[end].0] {
                if *character != '\n' {
                    *character = ' ';
                }
            }
        }
    }
    code
}
