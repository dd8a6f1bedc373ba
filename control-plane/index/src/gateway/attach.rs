//! Which gateway a route belongs to.

use tulle_model::fragment::Ref;
use tulle_model::{Finding, Name, Severity, codes};

use crate::alias;
use crate::key::{Kind, Member};
use crate::reader::Reader;

/// The gateway that the route names, or the only one in the whole cluster whose selectors choose it;
/// either way a gateway of the route's own mesh.
pub(crate) fn gateway_of(route: &Name, reader: &mut Reader<'_>) -> Option<Name> {
    let member = Member::new(Kind::GatewayRoute, route);
    let header = reader.header(&member)?;
    let mesh = alias::mesh_of(Kind::GatewayRoute, route, reader)?;
    let object = &header.object;
    let chosen = match header.gateway {
        Some(gateway) => gateway,
        None => {
            let namespace = reader.namespace_labels(&route.namespace);
            let labels = header.labels.unwrap_or_default();
            match reader
                .gateways_selecting(&route.realm, &namespace, &labels)
                .as_slice()
            {
                [gateway] => gateway.clone(),
                [] => {
                    reader.report(
                        Finding::new(
                            Severity::Error,
                            codes::NO_GATEWAY,
                            object,
                            "metadata.labels",
                            format!("failed to find matching virtualGateway for gatewayRoute: {}, expecting 1 but found 0", route.name),
                        )
                        .help("label the route and its namespace so that the gatewayRouteSelector and namespaceSelector of one VirtualGateway select it"),
                    );
                    return None;
                }
                several => {
                    let names: Vec<String> = several.iter().map(Name::to_string).collect();
                    reader.report(
                        Finding::new(
                            Severity::Error,
                            codes::SEVERAL_GATEWAYS,
                            object,
                            "metadata.labels",
                            format!(
                                "found multiple matching virtualGateways for gatewayRoute: {}, expecting 1 but found {}: {}",
                                route.name,
                                several.len(),
                                names.join(",")
                            ),
                        )
                        .help("narrow the selectors of all but one of these gateways"),
                    );
                    return None;
                }
            }
        }
    };
    match alias::resolve(Kind::Gateway, &mesh, &Ref::Name(chosen), reader) {
        Ok(gateway) => Some(gateway),
        Err(unresolved) => {
            let unresolved = unresolved.effect("this route has no effect");
            reader.report(unresolved.finding(object, "spec.virtualGatewayRef"));
            None
        }
    }
}
