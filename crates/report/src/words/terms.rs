//! The word for each term of the evidence, and what other parts say (`lapwing_core::phrase`), in the language of a report.

use lapwing_core::{Grade, Group, Listed, NetworkClass, Tool, phrase};

use super::{Words, fill};
use crate::Language;

impl Words {
    /// What another part said in English; as it is if it is none of its phrases.
    pub(crate) fn say(&self, english: &str) -> String {
        let said = match self.language {
            Language::En => None,
            language => phrase::translate(english, language),
        };
        said.unwrap_or_else(|| english.to_owned())
    }

    /// A list `a, b or c` that another part made.
    fn names(&self, english: &str) -> String {
        match self.language {
            Language::En => english.to_owned(),
            language => phrase::names(english, language),
        }
    }

    /// A tool, its texts in the language.
    pub(crate) fn tool(&self, tool: &Tool) -> Tool {
        Tool {
            name: tool.name.as_deref().map(|name| self.names(name)),
            claimed: tool.claimed.as_deref().map(|name| self.names(name)),
            contradicts: tool.contradicts,
            reasons: tool.reasons.iter().map(|text| self.say(text)).collect(),
            rules: tool.rules,
        }
    }

    /// `curl, which says that it is Chrome`
    pub(crate) fn tool_name(&self, tool: &Tool) -> Option<String> {
        let tool = self.tool(tool);
        let Some(claimed) = tool.claimed.filter(|_| tool.contradicts) else {
            return tool.name;
        };
        let name = tool.name.unwrap_or_else(|| self.tool_unknown.to_owned());
        let values: [(&str, &dyn std::fmt::Display); 2] = [("name", &name), ("claimed", &claimed)];
        Some(fill(self.tool_says, &values))
    }

    /// What sort of evidence holds sessions together.
    pub(crate) fn group(&self, group: Group) -> &'static str {
        match group {
            Group::Network => self.group_network,
            Group::Program => self.group_program,
            Group::Identity => self.group_identity,
            Group::Payload => self.group_payload,
            Group::Bait => self.group_bait,
            Group::Pace => self.group_pace,
            Group::Locale => self.group_locale,
            Group::Claim => self.group_claim,
            Group::Decision => self.group_decision,
        }
    }

    /// What a grade of evidence means.
    pub(crate) fn grade_meaning(&self, grade: Grade) -> &'static str {
        match grade {
            Grade::A1 => self.grade_a1,
            Grade::B3 => self.grade_b3,
            Grade::E4 => self.grade_e4,
        }
    }

    /// A list that a network is in: `scanner (Censys)`.
    pub(crate) fn listed(&self, listed: &Listed) -> String {
        format!("{} ({})", self.class(listed.class), self.say(&listed.name))
    }

    fn class(&self, class: NetworkClass) -> &'static str {
        match class {
            NetworkClass::Scanner => self.class_scanner,
            NetworkClass::Crawler => self.class_crawler,
            NetworkClass::Preview => self.class_preview,
            NetworkClass::Mail => self.class_mail,
            NetworkClass::Gateway => self.class_gateway,
            NetworkClass::Cloud => self.class_cloud,
            NetworkClass::Content => self.class_content,
            NetworkClass::Vpn => self.class_vpn,
            NetworkClass::Relay => self.class_relay,
            NetworkClass::Resolver => self.class_resolver,
            NetworkClass::Tor => self.class_tor,
            NetworkClass::Proxy => self.class_proxy,
            NetworkClass::Anycast => self.class_anycast,
            NetworkClass::Satellite => self.class_satellite,
            NetworkClass::Drop => self.class_drop,
        }
    }

    /// A special range of addresses; another text as it is.
    pub(crate) fn range<'a>(&self, code: &'a str) -> &'a str {
        match code {
            "benchmark" => self.range_benchmark,
            "documentation" => self.range_documentation,
            "link-local" => self.range_link_local,
            "loopback" => self.range_loopback,
            "multicast" => self.range_multicast,
            "private" => self.range_private,
            "reserved" => self.range_reserved,
            "shared" => self.range_shared,
            "tunnel" => self.range_tunnel,
            other => other,
        }
    }

    /// A part of a record, as the log names it.
    pub(crate) fn part<'a>(&self, name: &'a str) -> &'a str {
        match name {
            "claims" => self.part_claims,
            "raw" => self.part_raw,
            other => other,
        }
    }
}
