//! What a check reads of a structural schema: a hundredth of what Kubernetes' own type for schemas takes.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    JSONSchemaProps, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool,
};

/// What a value has to be.
#[derive(Debug)]
pub(crate) enum Schema {
    /// Anything.
    Any,
    /// An object of known fields, by name.
    Object {
        properties: Box<[(Box<str>, Schema)]>,
        required: Box<[Box<str>]>,
    },
    /// An object whose fields anybody names.
    Map(Box<Schema>),
    /// A list.
    List {
        items: Box<Schema>,
        least: Option<i64>,
        most: Option<i64>,
    },
    /// A string, of so many characters, or one of these.
    Text {
        allowed: Option<Box<[Box<str>]>>,
        least: Option<i64>,
        most: Option<i64>,
    },
    /// A whole number.
    Integer {
        least: Option<f64>,
        most: Option<f64>,
    },
    /// True or false.
    Boolean,
}

impl Schema {
    /// The schema of an object's field.
    pub(super) fn property<'a>(
        properties: &'a [(Box<str>, Schema)],
        name: &str,
    ) -> Option<&'a Schema> {
        let at = properties.binary_search_by(|(known, _)| (**known).cmp(name));
        at.ok().map(|at| &properties[at].1)
    }
}

impl From<JSONSchemaProps> for Schema {
    fn from(schema: JSONSchemaProps) -> Self {
        let texts = |texts: Vec<String>| texts.into_iter().map(Into::into).collect();
        match schema.type_.as_deref() {
            Some("object") => match schema.additional_properties {
                Some(JSONSchemaPropsOrBool::Schema(values)) => {
                    Self::Map(Box::new(Self::from(*values)))
                }
                _ => Self::Object {
                    // A BTreeMap gives them in the order of their names, which a search relies on.
                    properties: schema
                        .properties
                        .into_iter()
                        .flatten()
                        .map(|(name, schema)| (name.into(), Self::from(schema)))
                        .collect(),
                    required: texts(schema.required.unwrap_or_default()),
                },
            },
            Some("array") => Self::List {
                items: Box::new(match schema.items {
                    Some(JSONSchemaPropsOrArray::Schema(items)) => Self::from(*items),
                    _ => Self::Any,
                }),
                least: schema.min_items,
                most: schema.max_items,
            },
            Some("string") => Self::Text {
                allowed: schema.enum_.map(|allowed| {
                    let allowed = allowed.iter().filter_map(|value| value.0.as_str());
                    allowed.map(Into::into).collect()
                }),
                least: schema.min_length,
                most: schema.max_length,
            },
            Some("integer") => Self::Integer {
                least: schema.minimum,
                most: schema.maximum,
            },
            Some("boolean") => Self::Boolean,
            // No kind has fields of another type.
            _ => Self::Any,
        }
    }
}
