//! The drawings of a report, with their captions: the route, the timeline and the map, as the HTML page has them.

use super::{Block, Outline};
use crate::route;
use crate::timeline::{self, Timeline};
use crate::world::{self, Circle, Map};

/// Countries that the map's caption tells in words.
const COUNTRIES: usize = 12;

/// A drawing with its words.
#[derive(Clone, Debug)]
pub(crate) struct Figure {
    pub(crate) drawing: Drawing,
    /// Stands below it; may be empty.
    pub(crate) caption: String,
    /// What it shows, for those who do not see it.
    pub(crate) description: String,
}

/// What is drawn.
#[derive(Clone, Debug)]
pub(crate) enum Drawing {
    /// The way of an actor.
    Route(route::Part),
    /// Uses over time.
    Timeline(Timeline),
    /// Uses by country.
    Map {
        map: Map,
        circles: Vec<Circle>,
        /// What the legend says of a country without a use.
        none: &'static str,
        /// Written across the map; may be empty.
        mark: &'static str,
    },
}

impl Outline<'_> {
    /// A figure for each actor, so that each can stand on a page.
    pub(super) fn route_figures(&mut self) {
        let Some(drawing) = route::draw(self.all) else {
            return;
        };
        let last = drawing.parts.len().saturating_sub(1);
        for (index, part) in drawing.parts.into_iter().enumerate() {
            let caption = if index == last {
                self.words.route_caption
            } else {
                ""
            };
            let description = part.description.clone();
            self.figure(Drawing::Route(part), caption.to_owned(), description);
        }
    }

    pub(super) fn timeline_figure(&mut self) {
        let Some(timeline) = timeline::draw(self.all) else {
            return;
        };
        let mut caption = self.words.timeline_caption.to_owned();
        if timeline.hidden > 0 {
            let hidden = timeline.hidden as u64;
            let hidden = self.words.count(hidden, self.words.rows_not_drawn);
            caption.push_str(&format!(" {hidden}"));
        }
        let description = timeline.description.clone();
        self.figure(Drawing::Timeline(timeline), caption, description);
    }

    pub(super) fn map_figure(&mut self) {
        let (all, words) = (self.all, self.words);
        let Some(map) = world::draw(&all.countries, words) else {
            return;
        };
        let line = |one| world::country_line(words, one);
        let mut caption: String = all.countries.iter().take(COUNTRIES).map(line).collect();
        caption.push_str(words.map_caption);
        let off_map = world::off_map(all);
        if !off_map.is_empty() {
            caption.push_str(&format!(" {}: {}.", words.not_on_map, off_map.join("; ")));
        }
        caption.push_str(&format!(" {}", words.map_sources));
        let line = |one| world::country_line(words, one);
        let mut description: String = all.countries.iter().map(line).collect();
        description.push_str(all.caution);
        let drawing = Drawing::Map {
            map,
            circles: world::circles(&all.networks),
            none: words.none_shade,
            mark: if all.exercise { words.exercise } else { "" },
        };
        self.figure(drawing, caption, description);
    }

    fn figure(&mut self, drawing: Drawing, caption: String, description: String) {
        self.blocks.push(Block::Figure(Box::new(Figure {
            drawing,
            caption,
            description,
        })));
    }
}
