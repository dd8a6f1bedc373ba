//! No App Mesh kind requires `spec`, but the root types that kube derives do. A spec type that
//! takes "absent" and "null" as its default closes the gap.

/// Implements serde's traits for a spec type that was derived with `#[serde(remote = "…")]` of its
/// own name, so that a missing or null spec reads as the default.
macro_rules! optional_spec {
    ($spec:ident) => {
        impl serde::Serialize for $spec {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                // The inherent function that the remote derive made.
                $spec::serialize(self, serializer)
            }
        }

        impl<'de> serde::Deserialize<'de> for $spec {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct SpecVisitor;
                impl<'de> serde::de::Visitor<'de> for SpecVisitor {
                    type Value = $spec;
                    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        f.write_str("an object")
                    }
                    fn visit_none<E: serde::de::Error>(self) -> Result<$spec, E> {
                        Ok($spec::default())
                    }
                    fn visit_unit<E: serde::de::Error>(self) -> Result<$spec, E> {
                        Ok($spec::default())
                    }
                    fn visit_some<D: serde::Deserializer<'de>>(
                        self,
                        deserializer: D,
                    ) -> Result<$spec, D::Error> {
                        $spec::deserialize(deserializer)
                    }
                }
                deserializer.deserialize_option(SpecVisitor)
            }
        }
    };
}

pub(super) use optional_spec;
