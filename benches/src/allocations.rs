//! Counts allocations for a stanza, in a program of its own, because the counter replaces the
//! allocator. Each line has a contender, a kind of traffic and a number, divided by tabs.

#[allow(dead_code, reason = "the other program measures more of them")]
mod contenders;

use allocation_counter::measure;
use contenders as c;
use xmppwire_cost::login::Site;
use xmppwire_cost::traffic;

fn main() {
    for kind in traffic::KINDS {
        let traffic = traffic::make(kind, 1, 1_000_000);
        let (stream, bytes) = (traffic.stream(), traffic.content());
        let mut site = Site::default();
        let (mut client, mut server) = (site.bound(), site.bound());
        let own = client.client.jid().expect("bound").to_string();
        let to_client = traffic::make(kind, 1, 1_000_000).to(&own).content();
        let show = |name: &str, work: &mut dyn FnMut() -> usize| {
            let mut count = 0;
            let info = measure(|| count = work());
            println!(
                "{name}\t{kind}\t{:.2}",
                info.count_total as f64 / count as f64
            );
        };
        show("xmppwire, elements", &mut || c::ours(&stream, 16_384));
        show("xmppwire, 1,400-byte reads", &mut || {
            c::ours(&stream, 1_400)
        });
        show("xmppwire, client", &mut || {
            c::ours_client(&mut client, &to_client)
        });
        show("xmppwire, server", &mut || {
            c::ours_server(&mut server, &bytes)
        });
        show("xmpp-parsers", &mut || c::xmpp_parsers(&stream, 16_384));
    }
}
