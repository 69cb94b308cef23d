//! What decoys remember: items that a caller made (a queued message, a subaccount), and how many
//! requests it made of late. In memory only and lost on restart; bounded per list, per item and as a
//! whole; nothing of one canary is ever shown for another.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lapwing_core::{CanaryId, Timestamp};
use minijinja::Value;

/// Most items of one list of one canary; the oldest goes first.
const MOST_ITEMS: usize = 100;
/// Most text kept in one item, in bytes.
const LARGEST_ITEM: usize = 8 << 10;
/// Longest text kept under one name, in bytes.
pub(crate) const LONGEST_KEPT: usize = 1600;
/// Most text kept altogether, in bytes.
const LARGEST: usize = 16 << 20;
/// What an item and its names cost besides their text, in bytes.
const OVERHEAD: usize = 512;
/// Most callers whose requests are counted.
const MOST_CALLERS: usize = 10_000;
/// Most items shown in one answer.
pub(crate) const MOST_SHOWN: usize = 50;
/// Most text of items shown in one answer, in bytes as they are once escaped.
pub(crate) const LARGEST_SHOWN: usize = 16 << 10;

/// Items and counters of all canaries.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    items: Mutex<Items>,
    windows: Mutex<HashMap<(CanaryId, String), Window>>,
}

#[derive(Debug, Default)]
struct Items {
    lists: HashMap<CanaryId, Lists>,
    bytes: usize,
}

type Lists = BTreeMap<String, VecDeque<Arc<Item>>>;

/// Something a caller made.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Item {
    pub(crate) id: String,
    pub(crate) made: Timestamp,
    pub(crate) kept: BTreeMap<String, Kept>,
}

/// A value that is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kept {
    Text(String),
    Number(i64),
    Truth(bool),
}

#[derive(Clone, Copy, Debug)]
struct Window {
    start: i64,
    requests: u32,
}

/// How a caller stands with a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Quota {
    pub(crate) requests: u32,
    pub(crate) used: u32,
    /// When counting starts anew, in seconds since the epoch.
    pub(crate) reset: i64,
    /// How long that is from now, in seconds.
    pub(crate) wait: i64,
}

impl Quota {
    /// A caller that has not been counted.
    pub(crate) const fn fresh(requests: u32, seconds: u32, now: Timestamp) -> Self {
        Self {
            requests,
            used: 1,
            reset: now.seconds() + seconds as i64,
            wait: seconds as i64,
        }
    }

    pub(crate) const fn exceeded(self) -> bool {
        self.used > self.requests
    }

    /// As templates see it.
    pub(crate) fn value(self) -> Value {
        Value::from_pairs([
            ("requests", i64::from(self.requests)),
            ("used", i64::from(self.used.min(self.requests))),
            (
                "remaining",
                i64::from(self.requests.saturating_sub(self.used)),
            ),
            ("reset", self.reset),
            ("wait", self.wait),
        ])
    }
}

impl Item {
    fn size(&self) -> usize {
        let kept = self.kept.iter().map(|(name, kept)| name.len() + kept.len());
        OVERHEAD + self.id.len() + kept.sum::<usize>()
    }

    /// Cuts what is kept to the size of an item.
    fn bounded(mut self) -> Self {
        let mut left = LARGEST_ITEM;
        for kept in self.kept.values_mut() {
            if let Kept::Text(text) = kept {
                text.truncate(text.floor_char_boundary(left));
                left -= text.len();
            }
        }
        self
    }

    /// As templates see it: what is kept, and `id`, `time` and `age` in seconds.
    pub(crate) fn value(&self, now: Timestamp) -> Value {
        let kept = self.kept.iter().map(|(name, kept)| {
            let value = match kept {
                Kept::Text(text) => Value::from(text.as_str()),
                Kept::Number(number) => Value::from(*number),
                Kept::Truth(truth) => Value::from(*truth),
            };
            (name.clone(), value)
        });
        let made = self.made.seconds();
        let own = [
            ("id".to_owned(), Value::from(self.id.as_str())),
            ("time".to_owned(), Value::from(made)),
            ("age".to_owned(), Value::from((now.seconds() - made).max(0))),
        ];
        Value::from_pairs(kept.chain(own))
    }

    /// Its text as it is once escaped, in bytes, at most.
    fn shown(&self) -> usize {
        let escaped = |text: &str| -> usize {
            text.chars()
                .map(|c| {
                    let plain =
                        !c.is_control() && !matches!(c, '"' | '\'' | '&' | '<' | '>' | '\\');
                    if plain { c.len_utf8() } else { 6 }
                })
                .sum()
        };
        let kept = self.kept.values().map(|kept| match kept {
            Kept::Text(text) => escaped(text),
            Kept::Number(_) | Kept::Truth(_) => 20,
        });
        escaped(&self.id) + kept.sum::<usize>()
    }
}

impl Kept {
    fn len(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Number(_) | Self::Truth(_) => 8,
        }
    }
}

impl Memory {
    fn items(&self) -> MutexGuard<'_, Items> {
        self.items.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps an item. One with the id of an older one changes that one: it keeps its time and its
    /// place, and what the new one does not say.
    pub(crate) fn remember(&self, canary: CanaryId, list: &str, item: Item) -> Arc<Item> {
        let mut items = self.items();
        let known = items.list(canary, list);
        let at = known.and_then(|known| known.iter().position(|old| old.id == item.id));
        let Items { lists, bytes } = &mut *items;
        let list = lists
            .entry(canary)
            .or_default()
            .entry(list.to_owned())
            .or_default();
        let item = match at {
            Some(at) => {
                let old = &list[at];
                *bytes -= old.size();
                let mut kept = old.kept.clone();
                kept.extend(item.kept);
                let changed = Item {
                    kept,
                    id: item.id,
                    made: old.made,
                };
                let changed = Arc::new(changed.bounded());
                list[at] = Arc::clone(&changed);
                changed
            }
            None => {
                let item = Arc::new(item.bounded());
                list.push_front(Arc::clone(&item));
                if list.len() > MOST_ITEMS
                    && let Some(oldest) = list.pop_back()
                {
                    *bytes -= oldest.size();
                }
                item
            }
        };
        *bytes += item.size();
        while items.bytes > LARGEST {
            items.drop_oldest();
        }
        item
    }

    /// The item of this id.
    pub(crate) fn known(&self, canary: CanaryId, list: &str, id: &str) -> Option<Arc<Item>> {
        let items = self.items();
        let list = items.list(canary, list)?;
        list.iter().find(|item| item.id == id).cloned()
    }

    /// Drops the item of this id.
    pub(crate) fn forget(&self, canary: CanaryId, list: &str, id: &str) {
        let mut items = self.items();
        let Items { lists, bytes } = &mut *items;
        let list = lists.get_mut(&canary).and_then(|lists| lists.get_mut(list));
        if let Some(list) = list
            && let Some(at) = list.iter().position(|item| item.id == id)
            && let Some(item) = list.remove(at)
        {
            *bytes -= item.size();
        }
    }

    /// All lists of a canary, as answers show them: the newest first, and how many there are.
    pub(crate) fn shown(&self, canary: CanaryId) -> BTreeMap<String, (Vec<Arc<Item>>, usize)> {
        let items = self.items();
        let lists = items.lists.get(&canary).into_iter().flatten();
        lists
            .map(|(name, list)| (name.clone(), (fitting(list).cloned().collect(), list.len())))
            .collect()
    }

    /// Counts a request of a caller.
    pub(crate) fn count(
        &self,
        canary: CanaryId,
        what: &str,
        requests: u32,
        seconds: u32,
        now: Timestamp,
    ) -> Quota {
        let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        let (now, length) = (now.seconds(), i64::from(seconds.max(1)));
        if windows.len() >= MOST_CALLERS {
            windows.retain(|_, window| now - window.start < length);
        }
        if windows.len() >= MOST_CALLERS {
            windows.clear();
        }
        let window = windows.entry((canary, what.to_owned())).or_insert(Window {
            start: now,
            requests: 0,
        });
        if !(0..length).contains(&(now - window.start)) {
            *window = Window {
                start: now,
                requests: 0,
            };
        }
        window.requests = window.requests.saturating_add(1);
        let reset = window.start + length;
        Quota {
            requests,
            used: window.requests,
            reset,
            wait: reset - now,
        }
    }
}

/// As many items, from the first, as one answer may show.
pub(crate) fn fitting<'i>(
    items: impl IntoIterator<Item = &'i Arc<Item>>,
) -> impl Iterator<Item = &'i Arc<Item>> {
    let mut left = LARGEST_SHOWN;
    items.into_iter().take(MOST_SHOWN).take_while(move |item| {
        let size = item.shown();
        let fits = size <= left;
        left = left.saturating_sub(size);
        fits
    })
}

impl Items {
    fn list(&self, canary: CanaryId, list: &str) -> Option<&VecDeque<Arc<Item>>> {
        self.lists.get(&canary)?.get(list)
    }

    /// Drops the oldest item of the list whose last item is the oldest of all.
    fn drop_oldest(&mut self) {
        let last = |list: &VecDeque<Arc<Item>>| list.back().map(|item| item.made);
        let lists = self.lists.values_mut().flat_map(BTreeMap::values_mut);
        let oldest = lists
            .filter(|list| !list.is_empty())
            .min_by_key(|list| last(list));
        match oldest.and_then(VecDeque::pop_back) {
            Some(item) => self.bytes -= item.size(),
            None => self.bytes = 0,
        }
        for lists in self.lists.values_mut() {
            lists.retain(|_, list| !list.is_empty());
        }
        self.lists.retain(|_, lists| !lists.is_empty());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(id: &str, seconds: i64, text: &str) -> Item {
        Item {
            id: id.to_owned(),
            made: Timestamp::from_micros(seconds * 1_000_000),
            kept: BTreeMap::from([("text".to_owned(), Kept::Text(text.to_owned()))]),
        }
    }

    fn ids(memory: &Memory, canary: CanaryId) -> Vec<String> {
        let shown = memory.shown(canary);
        let list = shown.get("list").map(|(items, _)| items.as_slice());
        let items = list.unwrap_or_default().iter();
        items.map(|item| item.id.clone()).collect()
    }

    #[test]
    fn items_are_found_again_by_their_own_canary_only() {
        let memory = Memory::default();
        let (ours, theirs) = (CanaryId::fresh(), CanaryId::fresh());
        memory.remember(ours, "list", item("a", 1, "x"));
        memory.remember(ours, "list", item("b", 2, "y"));
        assert_eq!(ids(&memory, ours), ["b", "a"]);
        assert!(memory.known(ours, "list", "a").is_some());
        assert!(memory.known(ours, "other", "a").is_none());
        assert!(memory.known(theirs, "list", "a").is_none());
        assert!(ids(&memory, theirs).is_empty());
        memory.forget(theirs, "list", "a");
        memory.forget(ours, "list", "a");
        assert_eq!(ids(&memory, ours), ["b"]);
    }

    #[test]
    fn an_item_is_changed_in_its_place() {
        let memory = Memory::default();
        let canary = CanaryId::fresh();
        memory.remember(canary, "list", item("a", 1, "x"));
        memory.remember(canary, "list", item("b", 2, "y"));
        let mut change = item("a", 9, "");
        change.kept = BTreeMap::from([("status".to_owned(), Kept::Truth(true))]);
        let changed = memory.remember(canary, "list", change);
        assert_eq!(changed.made.seconds(), 1);
        assert_eq!(changed.kept["text"], Kept::Text("x".to_owned()));
        assert_eq!(changed.kept["status"], Kept::Truth(true));
        assert_eq!(ids(&memory, canary), ["b", "a"]);
    }

    #[test]
    fn lists_items_and_the_whole_are_bounded() {
        let memory = Memory::default();
        let long = "x".repeat(3 * LARGEST_ITEM);
        for turn in 0..40 {
            let canary = CanaryId::fresh();
            for number in 0..MOST_ITEMS + 20 {
                memory.remember(canary, "list", item(&number.to_string(), turn, &long));
            }
            let items = memory.items();
            let list = items.list(canary, "list").expect("remembered");
            assert!(list.len() <= MOST_ITEMS, "{}", list.len());
            assert_eq!(list[0].id, (MOST_ITEMS + 19).to_string());
            assert!(list[0].size() <= LARGEST_ITEM + OVERHEAD + 16);
            assert!(items.bytes <= LARGEST, "{}", items.bytes);
            let all = items.lists.values().flat_map(BTreeMap::values).flatten();
            assert_eq!(items.bytes, all.map(|item| item.size()).sum::<usize>());
        }
    }

    #[test]
    fn what_one_answer_shows_is_bounded_as_it_is_escaped() {
        let memory = Memory::default();
        let canary = CanaryId::fresh();
        for number in 0..MOST_ITEMS {
            memory.remember(
                canary,
                "list",
                item(&number.to_string(), 1, &"\"".repeat(500)),
            );
        }
        let shown = ids(&memory, canary);
        assert_eq!(shown.len(), LARGEST_SHOWN / (500 * 6 + 2));
        assert_eq!(memory.shown(canary)["list"].1, MOST_ITEMS);
    }

    #[test]
    fn requests_are_counted_by_window() {
        let memory = Memory::default();
        let canary = CanaryId::fresh();
        let at = |seconds: i64| Timestamp::from_micros(seconds * 1_000_000);
        let count = |canary, seconds| memory.count(canary, "kind/default", 2, 60, at(seconds));
        assert!(!count(canary, 0).exceeded());
        assert!(!count(canary, 10).exceeded());
        let third = count(canary, 20);
        assert!(third.exceeded());
        assert_eq!((third.reset, third.wait), (60, 40));
        assert!(!count(CanaryId::fresh(), 20).exceeded());
        assert!(!count(canary, 60).exceeded());
    }
}
