//! The DNS messages of one SRV query (RFC 1035 §4).

use simple_dns::rdata::RData;
use simple_dns::{
    CLASS, Name, OPCODE, Packet, PacketFlag, QCLASS, QTYPE, Question, RCODE, TYPE, header_buffer,
};

use super::{LookupError, SrvRecord};

/// Most records, in all sections, that an answer may announce. Real answers have far fewer, and the
/// codec allocates memory by the announcement.
const MAX_RECORDS: u32 = 256;

/// Most aliases that are followed within one answer.
const MAX_ALIASES: usize = 8;

/// A query for the SRV records of `name`, which is taken as absolute.
pub(super) fn query(id: u16, name: &str) -> Result<Vec<u8>, LookupError> {
    let qname = Name::new(name).map_err(|_| LookupError::InvalidName)?;
    let mut packet = Packet::new_query(id);
    packet.set_flags(PacketFlag::RECURSION_DESIRED);
    packet.questions.push(Question::new(
        qname,
        QTYPE::TYPE(TYPE::SRV),
        QCLASS::CLASS(CLASS::IN),
        false,
    ));
    packet
        .build_bytes_vec()
        .map_err(|_| LookupError::InvalidName)
}

/// What a received message means for the query.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Reply {
    /// Nothing: it answers another query, or is forged with a wrong guess.
    NotOurs,
    /// The beginning of the answer. TCP has the whole answer (RFC 1035 §4.2.1).
    Truncated,
    /// No usable answer, and this server has no other.
    Failed(LookupError),
    /// The records, none included.
    Records(Vec<SrvRecord>),
}

/// Reads `message` as the reply to `query(id, name)`.
pub(super) fn reply(message: &[u8], id: u16, name: &str) -> Reply {
    let is_reply = header_buffer::id(message) == Ok(id)
        && header_buffer::has_flags(message, PacketFlag::RESPONSE) == Ok(true)
        && header_buffer::opcode(message) == Ok(OPCODE::StandardQuery);
    if !is_reply {
        return Reply::NotOurs;
    }
    if header_buffer::has_flags(message, PacketFlag::TRUNCATION) == Ok(true) {
        return Reply::Truncated;
    }
    if records_claimed(message) > MAX_RECORDS {
        return Reply::Failed(LookupError::Malformed);
    }
    let (Ok(packet), Ok(qname)) = (Packet::parse(message), Name::new(name)) else {
        return Reply::Failed(LookupError::Malformed);
    };
    let failure = match packet.rcode() {
        RCODE::NoError | RCODE::NameError => None,
        _ => Some(LookupError::Server(response_code(message))),
    };
    match (packet.questions.as_slice(), failure) {
        // A server that did not understand the query may leave it out of the reply.
        ([], Some(failure)) => Reply::Failed(failure),
        ([question], failure) if is_ours(question, &qname) => match failure {
            Some(failure) => Reply::Failed(failure),
            None if packet.rcode() == RCODE::NameError => Reply::Records(Vec::new()),
            None => Reply::Records(records(&packet, &qname)),
        },
        _ => Reply::NotOurs,
    }
}

fn is_ours(question: &Question<'_>, qname: &Name<'_>) -> bool {
    // Names are compared without regard to ASCII case (RFC 4343).
    question.qname == *qname
        && question.qtype == QTYPE::TYPE(TYPE::SRV)
        && question.qclass == QCLASS::CLASS(CLASS::IN)
}

/// The SRV records in the answer section of the asked name, or of the name that it is an alias of.
fn records(packet: &Packet<'_>, qname: &Name<'_>) -> Vec<SrvRecord> {
    let mut owner = qname;
    for _ in 0..=MAX_ALIASES {
        let mut of_owner = packet
            .answers
            .iter()
            .filter(|record| record.class == CLASS::IN && record.name == *owner);
        let records: Vec<_> = of_owner
            .clone()
            .filter_map(|record| match &record.rdata {
                RData::SRV(srv) => Some(SrvRecord {
                    priority: srv.priority,
                    weight: srv.weight,
                    port: srv.port,
                    target: host(&srv.target),
                }),
                _ => None,
            })
            .collect();
        if !records.is_empty() {
            return records;
        }
        let alias = of_owner.find_map(|record| match &record.rdata {
            RData::CNAME(cname) => Some(&cname.0),
            _ => None,
        });
        match alias {
            Some(alias) => owner = alias,
            None => break,
        }
    }
    Vec::new()
}

fn host(name: &Name<'_>) -> Option<String> {
    (!name.get_labels().is_empty()).then(|| name.to_string())
}

fn records_claimed(message: &[u8]) -> u32 {
    [
        header_buffer::questions(message),
        header_buffer::answers(message),
        header_buffer::name_servers(message),
        header_buffer::additional_records(message),
    ]
    .into_iter()
    .map(|count| count.map_or(u32::MAX, u32::from))
    .fold(0, u32::saturating_add)
}

/// The four bits of the header. The codec's type has names for some values only.
fn response_code(message: &[u8]) -> u8 {
    message.get(3).map_or(0, |flags| flags & 0x0f)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use simple_dns::ResourceRecord;
    use simple_dns::rdata::{A, CNAME, SRV};

    const ID: u16 = 0x1234;
    const NAME: &str = "_xmpp-client._tcp.example.org";

    fn read(message: &[u8]) -> Reply {
        reply(message, ID, NAME)
    }

    fn srv<'a>(owner: &'a str, port: u16, target: &'a str) -> ResourceRecord<'a> {
        let target = Name::new(target).unwrap();
        let data = SRV {
            priority: 5,
            weight: 6,
            port,
            target,
        };
        ResourceRecord::new(Name::new(owner).unwrap(), CLASS::IN, 60, RData::SRV(data))
    }

    fn alias<'a>(owner: &'a str, target: &'a str) -> ResourceRecord<'a> {
        let data = CNAME(Name::new(target).unwrap());
        ResourceRecord::new(Name::new(owner).unwrap(), CLASS::IN, 60, RData::CNAME(data))
    }

    /// A well-formed answer with these records, changed by `change`.
    fn answer<'a>(
        records: impl IntoIterator<Item = ResourceRecord<'a>>,
        change: impl FnOnce(&mut Packet<'a>),
    ) -> Vec<u8> {
        let mut packet = Packet::new_reply(ID);
        packet.questions.push(Question::new(
            Name::new(NAME).unwrap(),
            TYPE::SRV.into(),
            CLASS::IN.into(),
            false,
        ));
        packet.answers.extend(records);
        change(&mut packet);
        packet.build_bytes_vec_compressed().unwrap()
    }

    #[test]
    fn the_query_is_plain_dns() {
        let mut expected = b"\x12\x34\x01\x00\0\x01\0\0\0\0\0\0".to_vec();
        expected.extend_from_slice(b"\x0c_xmpp-client\x04_tcp\x07example\x03org\0\0\x21\0\x01");
        assert_eq!(query(ID, NAME).unwrap(), expected);
    }

    #[test]
    fn names_that_do_not_fit_are_refused() {
        let long = format!("_xmpp-client._tcp.{}org", "a.".repeat(120));
        for name in [long.as_str(), &"a".repeat(64)] {
            assert_eq!(query(ID, name), Err(LookupError::InvalidName));
        }
    }

    #[test]
    fn records_are_read() {
        let message = answer(
            [srv(NAME, 5222, "XMPP.example.net"), srv(NAME, 0, ".")],
            |_| {},
        );
        assert_eq!(
            read(&message),
            Reply::Records(vec![
                SrvRecord::new(5, 6, 5222, Some("XMPP.example.net")),
                SrvRecord::new(5, 6, 0, None),
            ])
        );
    }

    #[test]
    fn names_compare_without_case() {
        let message = answer(
            [srv("_XMPP-Client._TCP.Example.ORG", 1, "a.net")],
            |packet| {
                packet.questions[0].qname = Name::new("_xmpp-CLIENT._tcp.EXAMPLE.org").unwrap();
            },
        );
        assert_eq!(
            read(&message),
            Reply::Records(vec![SrvRecord::new(5, 6, 1, Some("a.net"))])
        );
    }

    #[test]
    fn only_records_of_the_asked_name_and_type_count() {
        let address = RData::A(A { address: 1 });
        let message = answer(
            [
                srv("_xmpp-client._tcp.evil.example", 1, "evil.example"),
                ResourceRecord::new(Name::new(NAME).unwrap(), CLASS::IN, 60, address),
                srv(NAME, 2, "a.net").clone(),
            ],
            |packet| {
                let mut chaos = srv(NAME, 3, "b.net");
                chaos.class = CLASS::CH;
                packet.answers.push(chaos);
                packet.additional_records.push(srv(NAME, 4, "c.net"));
            },
        );
        assert_eq!(
            read(&message),
            Reply::Records(vec![SrvRecord::new(5, 6, 2, Some("a.net"))])
        );
    }

    #[test]
    fn aliases_are_followed_and_loops_end() {
        let message = answer(
            [
                srv("there.example", 7, "a.net"),
                alias("here.example", "THERE.example"),
                alias(NAME, "here.example"),
            ],
            |_| {},
        );
        assert_eq!(
            read(&message),
            Reply::Records(vec![SrvRecord::new(5, 6, 7, Some("a.net"))])
        );

        let message = answer([alias(NAME, "a.example"), alias("a.example", NAME)], |_| {});
        assert_eq!(read(&message), Reply::Records(vec![]));
    }

    #[test]
    fn no_such_name_and_no_such_record_are_answers() {
        assert_eq!(read(&answer([], |_| {})), Reply::Records(vec![]));
        let message = answer([], |packet| *packet.rcode_mut() = RCODE::NameError);
        assert_eq!(read(&message), Reply::Records(vec![]));
    }

    #[test]
    fn failures_keep_their_code() {
        for (rcode, code) in [
            (RCODE::ServerFailure, 2),
            (RCODE::Refused, 5),
            (RCODE::NXRRSET, 8),
        ] {
            let message = answer([], |packet| *packet.rcode_mut() = rcode);
            assert_eq!(read(&message), Reply::Failed(LookupError::Server(code)));
        }
        let message = answer([], |packet| {
            packet.questions.clear();
            *packet.rcode_mut() = RCODE::FormatError;
        });
        assert_eq!(read(&message), Reply::Failed(LookupError::Server(1)));
    }

    #[test]
    fn what_answers_something_else_is_not_ours() {
        let forged = [
            answer([], |packet| packet.set_id(ID ^ 1)),
            answer([], |packet| packet.remove_flags(PacketFlag::RESPONSE)),
            answer([], |packet| *packet.opcode_mut() = OPCODE::Notify),
            answer([], |packet| packet.questions.clear()),
            answer([], |packet| {
                let again = packet.questions[0].clone();
                packet.questions.push(again);
            }),
            answer([], |packet| packet.questions[0].qtype = TYPE::A.into()),
            answer([], |packet| packet.questions[0].qclass = CLASS::CH.into()),
            answer([srv(NAME, 1, "a.net")], |packet| {
                packet.questions[0].qname = Name::new("_xmpp-client._tcp.example.com").unwrap();
            }),
            query(ID, NAME).unwrap(),
            b"\x12\x34".to_vec(),
            vec![],
        ];
        for message in forged {
            assert_eq!(read(&message), Reply::NotOurs, "{message:x?}");
        }
    }

    #[test]
    fn truncation_is_seen_even_where_a_record_is_cut() {
        let mut message = answer([srv(NAME, 1, "a.net")], |packet| {
            packet.set_flags(PacketFlag::TRUNCATION);
        });
        message.truncate(message.len() - 3);
        assert_eq!(read(&message), Reply::Truncated);
    }

    #[test]
    fn claims_of_countless_records_are_refused() {
        let mut message = answer([], |_| {});
        message[6..8].copy_from_slice(&u16::MAX.to_be_bytes());
        assert_eq!(read(&message), Reply::Failed(LookupError::Malformed));
    }

    proptest! {
        #[test]
        fn no_message_panics(
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
            cut in any::<prop::sample::Index>(),
        ) {
            let mut message = answer([alias(NAME, "b.example"), srv("b.example", 1, "a.net")], |_| {});
            for (index, octet) in changes {
                let index = index.index(message.len());
                message[index] = octet;
            }
            read(&message);
            message.truncate(cut.index(message.len()));
            read(&message);
        }
    }
}
