//! Text that nothing may be made of on the way.

use serde_json::Value;

use super::Given;
use crate::report::{LeftOut, Report};

impl Given {
    /// Whether it is a mapping.
    pub(crate) fn is_mapping(&self) -> bool {
        self.value.is_object()
    }

    /// Text and nothing else: of a number such as 010 or 1e3 YAML keeps the value, not how it is written.
    pub(crate) fn quoted(self, report: &mut Report) -> Result<String, LeftOut> {
        match self.value {
            Value::String(text) => Ok(text),
            _ => Err(self.wrong(
                report,
                "text",
                "write text, in quotes where YAML would read something else",
            )),
        }
    }
}
