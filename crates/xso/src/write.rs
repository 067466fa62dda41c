//! From values to elements: the items of a value build the tree.

use xmppwire::{Element, ElementBuilder};
use xso::{AsXml, Item};

use crate::{Error, MAX_DEPTH};

pub(crate) fn write<T: AsXml + ?Sized>(value: &T) -> Result<Element, Error> {
    let mut element: Option<ElementBuilder> = None;
    let mut depth = 0_usize;
    for item in value.as_xml_iter()? {
        element = match (item?, element) {
            (Item::XmlDeclaration(_), element) => element,
            (Item::ElementHeadStart(ns, name), None) => {
                depth = 1;
                Some(Element::builder(name.as_str(), ns.as_str()))
            }
            (Item::ElementHeadStart(ns, name), Some(builder)) => {
                match depth {
                    0 => return Err(Error::NotOne),
                    MAX_DEPTH.. => return Err(Error::TooDeep),
                    _ => depth = depth.saturating_add(1),
                }
                Some(builder.open(name.as_str(), ns.as_str()))
            }
            // Nothing but an element can be at the top.
            (_, None) => return Err(Error::NotOne),
            (Item::Attribute(ns, name, value), Some(builder)) => {
                Some(builder.attr_ns(name.as_str(), ns.as_str(), &value))
            }
            (Item::ElementHeadEnd, element) => element,
            (Item::Text(text), Some(builder)) if depth > 0 => Some(builder.text(&text)),
            (Item::Text(_), Some(_)) => return Err(Error::NotOne),
            (Item::ElementFoot, Some(builder)) => {
                depth = depth.saturating_sub(1);
                Some(builder.close())
            }
        };
    }
    element.map(ElementBuilder::build).ok_or(Error::NotOne)
}
