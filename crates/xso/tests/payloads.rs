//! Payload types of xmpp-parsers in and out of elements, compared with what that library makes of
//! the same text.

#![cfg(feature = "xmpp-parsers")]
#![allow(clippy::unwrap_used, reason = "helpers of tests fail like tests")]

use core::fmt::Debug;

use xmppwire::Element;
use xmppwire_xso::parsers::*;
use xmppwire_xso::{from_element, to_element};
use xso::{AsXml, FromXml};

/// Reads the text in both ways, and writes the value in both ways.
fn round_trip<T: AsXml + FromXml + Debug>(text: &str) {
    let element: Element = text.parse().unwrap();
    let ours: T = from_element(&element).unwrap();
    let theirs: T = xso::from_bytes(text.as_bytes()).unwrap();
    assert_eq!(format!("{ours:?}"), format!("{theirs:?}"), "{text}");

    let written = to_element(&ours).unwrap();
    let their_text = xso::to_vec(&theirs).unwrap();
    let expected = Element::try_from(their_text.as_slice()).unwrap();
    assert_eq!(written, expected, "{text}");

    let again: T = from_element(&written).unwrap();
    assert_eq!(format!("{again:?}"), format!("{theirs:?}"), "{text}");
}

macro_rules! payloads {
    ($($name:ident: $kind:ty = $text:expr;)*) => {$(
        #[test]
        fn $name() {
            round_trip::<$kind>($text);
        }
    )*};
}

payloads! {
    attention: attention::Attention = "<attention xmlns='urn:xmpp:attention:0'/>";
    avatar_data: avatar::Data = "<data xmlns='urn:xmpp:avatar:data'>iVBORw0KGgoAAAANSUhEUg==</data>";
    avatar_metadata: avatar::Metadata = "<metadata xmlns='urn:xmpp:avatar:metadata'>\
        <info bytes='12345' width='64' height='64' type='image/png' \
        id='111f4b3c50d7b0df729d299bc6f8e9ef9066971f'/></metadata>";
    block: blocking::Block = "<block xmlns='urn:xmpp:blocking'><item jid='romeo@montague.net'/>\
        <item jid='iago@shakespeare.lit'/></block>";
    bookmark: bookmarks2::Conference = "<conference xmlns='urn:xmpp:bookmarks:1' autojoin='true' \
        name='The Play&apos;s the Thing'><nick>JC</nick></conference>";
    caps: caps::Caps = "<c xmlns='http://jabber.org/protocol/caps' hash='sha-1' \
        node='http://code.google.com/p/exodus' ver='QgayPKawpkPSDYmwT/WM94uAlu0='/>";
    carbons_enable: carbons::Enable = "<enable xmlns='urn:xmpp:carbons:2'/>";
    carbons_received: carbons::Received = "<received xmlns='urn:xmpp:carbons:2'>\
        <forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client' \
        from='juliet@capulet.example/balcony' to='romeo@montague.example/garden' type='chat'>\
        <body>What man art thou that, thus bescreen'd in night, so stumblest on my counsel?</body>\
        <thread>0e3141cd80894871a68e6fe6b1ec56fa</thread></message></forwarded></received>";
    chat_state: chatstates::ChatState = "<composing xmlns='http://jabber.org/protocol/chatstates'/>";
    correction: message_correct::Replace = "<replace id='bad1' xmlns='urn:xmpp:message-correct:0'/>";
    data_form: data_forms::DataForm = "<x xmlns='jabber:x:data' type='form'>\
        <title>Bot Configuration</title>\
        <instructions>Fill out this form to configure your new bot!</instructions>\
        <field type='hidden' var='FORM_TYPE'><value>jabber:bot</value></field>\
        <field type='text-single' label='The name of your bot' var='botname'/>\
        <field type='list-single' label='Maximum number of subscribers' var='maxsubs'>\
        <value>20</value><option label='10'><value>10</value></option>\
        <option label='20'><value>20</value></option></field></x>";
    delay: delay::Delay = "<delay xmlns='urn:xmpp:delay' from='capulet.com' \
        stamp='2002-09-10T23:08:25Z'>Offline &amp; late</delay>";
    disco_info: disco::DiscoInfoResult = "<query xmlns='http://jabber.org/protocol/disco#info'>\
        <identity category='conference' type='text' name='Play-Specific Chatrooms'/>\
        <identity category='directory' type='chatroom' xml:lang='en' name='Rooms'/>\
        <feature var='http://jabber.org/protocol/disco#info'/>\
        <feature var='http://jabber.org/protocol/muc'/></query>";
    disco_info_query: disco::DiscoInfoQuery =
        "<query xmlns='http://jabber.org/protocol/disco#info' node='music'/>";
    disco_items: disco::DiscoItemsResult = "<query xmlns='http://jabber.org/protocol/disco#items'>\
        <item jid='people.shakespeare.lit' name='Directory of Characters'/>\
        <item jid='plays.shakespeare.lit'/></query>";
    encryption: eme::ExplicitMessageEncryption =
        "<encryption xmlns='urn:xmpp:eme:0' name='OMEMO' namespace='eu.siacs.conversations.axolotl'/>";
    forwarded: forwarding::Forwarded = "<forwarded xmlns='urn:xmpp:forward:0'>\
        <delay xmlns='urn:xmpp:delay' stamp='2010-07-10T23:08:25Z'/>\
        <message xmlns='jabber:client' from='juliet@capulet.lit/orchard' id='0202197' \
        to='romeo@montague.lit' type='chat'><body>Yet I should kill thee with much cherishing.</body>\
        </message></forwarded>";
    hash: hashes::Hash = "<hash xmlns='urn:xmpp:hashes:2' algo='sha-256'>\
        2XarmwTlNxDAMkvymloX3S5+VbylNrJt/l5QyPa+YoU=</hash>";
    ibb_open: ibb::Open = "<open xmlns='http://jabber.org/protocol/ibb' block-size='4096' \
        sid='i781hf64' stanza='iq'/>";
    idle: idle::Idle = "<idle xmlns='urn:xmpp:idle:1' since='1969-07-21T02:56:15Z'/>";
    mam_fin: mam::Fin = "<fin xmlns='urn:xmpp:mam:2'><set xmlns='http://jabber.org/protocol/rsm'>\
        <first index='0'>28482-98726-73623</first><last>09af3-cc343-b409f</last><count>20</count>\
        </set></fin>";
    mam_query: mam::Query = "<query xmlns='urn:xmpp:mam:2' queryid='f27'>\
        <x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE' type='hidden'>\
        <value>urn:xmpp:mam:2</value></field><field var='with'><value>juliet@capulet.lit</value>\
        </field></x><set xmlns='http://jabber.org/protocol/rsm'><max>10</max></set></query>";
    muc_join: muc::Muc = "<x xmlns='http://jabber.org/protocol/muc'>\
        <password>cauldronburn</password><history maxstanzas='20'/></x>";
    muc_user: muc::MucUser = "<x xmlns='http://jabber.org/protocol/muc#user'>\
        <item affiliation='member' jid='hag66@shakespeare.lit/pda' role='participant'/>\
        <status code='110'/></x>";
    nick: nick::Nick = "<nick xmlns='http://jabber.org/protocol/nick'>Ishmaël \u{1f40b}</nick>";
    occupant: occupant_id::OccupantId =
        "<occupant-id xmlns='urn:xmpp:occupant-id:0' id='dd72603deec90a38ba552f7c68cbcc61bca202cd'/>";
    oob: oob::Oob = "<x xmlns='jabber:x:oob'><url>https://www.jabber.org/images/psa.jpg</url>\
        <desc>A license to jabber!</desc></x>";
    origin_id: stanza_id::OriginId = "<origin-id xmlns='urn:xmpp:sid:0' id='de305d54-75b4-431b'/>";
    ping: ping::Ping = "<ping xmlns='urn:xmpp:ping'/>";
    pubsub_event: pubsub::Event = "<event xmlns='http://jabber.org/protocol/pubsub#event'>\
        <items node='princely_musings'><item id='ae890ac52d0df67ed7cfdf51b644e901'>\
        <entry xmlns='http://www.w3.org/2005/Atom'><title>Soliloquy</title>\
        <summary type='text'>To be, or not to be</summary></entry></item></items></event>";
    reactions: reactions::Reactions = "<reactions id='744f6e18' xmlns='urn:xmpp:reactions:0'>\
        <reaction>\u{1f44b}</reaction><reaction>\u{1f422}</reaction></reactions>";
    receipt: receipts::Received = "<received xmlns='urn:xmpp:receipts' id='richard2-4.1.247'/>";
    receipt_request: receipts::Request = "<request xmlns='urn:xmpp:receipts'/>";
    roster: roster::Roster = "<query xmlns='jabber:iq:roster' ver='ver7'>\
        <item jid='nurse@example.com' subscription='none' ask='subscribe'/>\
        <item jid='romeo@example.net' name='Romeo' subscription='both'><group>Friends</group>\
        <group>Verona</group></item></query>";
    rsm: rsm::SetResult = "<set xmlns='http://jabber.org/protocol/rsm'><first index='0'>\
        stpeter@jabber.org</first><last>peterpan@neverland.lit</last><count>800</count></set>";
    stanza_id: stanza_id::StanzaId = "<stanza-id xmlns='urn:xmpp:sid:0' \
        by='room@muc.example.org' id='5f3dbc5e-e1d3-4077'/>";
    time: time::TimeResult = "<time xmlns='urn:xmpp:time'><tzo>-06:00</tzo>\
        <utc>2006-12-19T17:58:35Z</utc></time>";
    upload_request: http_upload::SlotRequest = "<request xmlns='urn:xmpp:http:upload:0' \
        filename='très cool.jpg' size='23456' content-type='image/jpeg'/>";
    upload_slot: http_upload::SlotResult = "<slot xmlns='urn:xmpp:http:upload:0'>\
        <put url='https://upload.montague.tld/4a771ac1/tr%C3%A8s%20cool.jpg'>\
        <header name='Authorization'>Basic Base64String==</header></put>\
        <get url='https://download.montague.tld/4a771ac1/tr%C3%A8s%20cool.jpg'/></slot>";
    vcard_update: vcard_update::VCardUpdate = "<x xmlns='vcard-temp:x:update'>\
        <photo>01b87fcd030b72895ff8e88db57ec525450f000d</photo></x>";
    version: version::VersionResult = "<query xmlns='jabber:iq:version'><name>Exodus</name>\
        <version>0.7.0.4</version><os>Windows-XP 5.01.2600</os></query>";
}

/// A few types of the library are not of `xso` yet. They go through its tree of elements.
#[test]
fn types_of_minidom_take_one_step_more() {
    let text = "<pubsub xmlns='http://jabber.org/protocol/pubsub'>\
        <publish node='urn:xmpp:avatar:data'><item id='111f4b3c'>\
        <data xmlns='urn:xmpp:avatar:data'>qANQR1DBwU4DX7jmYZnncm==</data></item></publish></pubsub>";
    let element: Element = text.parse().unwrap();
    let tree: minidom::Element = from_element(&element).unwrap();
    assert_eq!(tree, text.parse().unwrap());
    let value = pubsub::PubSub::try_from(tree).unwrap();
    let tree: minidom::Element = value.into();
    assert_eq!(to_element(&tree).unwrap(), element);
}
