//! Keys of other servers: which connection asks the authoritative server.

use xmppwire::Instant;
use xmppwire::StanzaErrorCondition as Condition;
use xmppwire::s2s::{DialbackCondition, Verdict, VerifyAnswer, VerifyRequest};

use super::pool::{Federation, Subject};
use super::step::{Failure, Key, Purpose, Step};
use super::stream::{Question, Stream, Verifier, Work};

impl Federation {
    /// Takes a key that an incoming stream received, to ask the authoritative server of its sender
    /// domain. One [`Step::Answer`] follows.
    pub fn verify(&mut self, now: Instant, source: Key, request: VerifyRequest) {
        let domain = request.pair().sender();
        let rest = self
            .remotes
            .get(domain)
            .and_then(|remote| remote.failures.rest);
        if let Some(rest) = rest {
            // A peer must not make this server connect to a domain more often than its own users
            // can.
            return self.answer(source, request, rest.failure.condition());
        }
        let headers = request.pair().inverse();
        let question = Question {
            source,
            request,
            until: now + self.limits.verify_time,
        };
        if let Some(key) = self.verifiers.get(&headers).copied() {
            return self.ask_one_more(key, question);
        }
        if self.verifying >= self.limits.verifiers || self.is_closed() {
            let Question {
                source, request, ..
            } = question;
            return self.answer(source, request, Condition::ResourceConstraint);
        }
        let until = question.until;
        let verifier = Verifier {
            connected: false,
            keys: vec![question],
        };
        let work = Work::Verifies(verifier);
        let key = self.connect(headers.clone(), Purpose::Verification, false, work);
        self.verifying = self.verifying.saturating_add(1);
        self.verifiers.insert(headers, key);
        if let Some(stream) = self.streams.get_mut(&key) {
            let subject = Subject::Stream(key);
            self.alarms.set(&subject, &mut stream.alarm, Some(until));
        }
    }

    fn ask_one_more(&mut self, key: Key, question: Question) {
        let most = self.limits.keys_per_verifier;
        let stream = self.streams.get_mut(&key);
        match stream.and_then(Stream::verifier_mut) {
            Some(verifier) if verifier.keys.len() < most => {
                if verifier.connected {
                    let request = question.request.clone();
                    self.steps.push_back(Step::Verify(key, request));
                }
                // Its deadline is later than those that are set.
                verifier.keys.push(question);
            }
            _ => {
                let Question {
                    source, request, ..
                } = question;
                self.answer(source, request, Condition::ResourceConstraint);
            }
        }
    }

    pub(super) fn connected(&mut self, key: Key) {
        let stream = self.streams.get_mut(&key);
        let stream = stream.filter(|stream| !stream.closing);
        let Some(verifier) = stream.and_then(Stream::verifier_mut) else {
            return;
        };
        if !std::mem::replace(&mut verifier.connected, true) {
            let requests = verifier.keys.iter().map(|it| it.request.clone());
            let steps = requests.map(|request| Step::Verify(key, request));
            self.steps.extend(steps);
        }
    }

    /// An answer counts for a key that was asked about on the same connection.
    pub(super) fn verified(&mut self, key: Key, answer: VerifyAnswer) {
        let stream = self.streams.get_mut(&key);
        let Some(verifier) = stream.and_then(Stream::verifier_mut) else {
            return;
        };
        let is_of = |question: &Question| {
            let request = &question.request;
            request.pair() == answer.pair() && request.stream_id() == answer.stream_id()
        };
        let Some(index) = verifier.keys.iter().position(is_of) else {
            return;
        };
        let question = verifier.keys.remove(index);
        let answer = question.request.answer(answer.verdict().clone());
        self.steps.push_back(Step::Answer(question.source, answer));
        self.settle_verifier(key);
    }

    pub(super) fn expire_keys(&mut self, now: Instant, key: Key) {
        let stream = self.streams.get_mut(&key);
        let Some(verifier) = stream.and_then(Stream::verifier_mut) else {
            return;
        };
        let keys = std::mem::take(&mut verifier.keys);
        let (expired, left) = keys.into_iter().partition(|it| it.until <= now);
        verifier.keys = left;
        self.answer_keys(expired, Failure::EXPIRED);
        self.settle_verifier(key);
    }

    /// Closes a stream that has no question left (XEP-0220 §2.1.2), and sets its deadline.
    fn settle_verifier(&mut self, key: Key) {
        let Some(stream) = self.streams.get_mut(&key).filter(|it| !it.closing) else {
            return;
        };
        let due = stream.verifier_mut().and_then(|it| it.deadline());
        match due {
            None => self.close_stream(key),
            Some(_) => {
                let subject = Subject::Stream(key);
                self.alarms.set(&subject, &mut stream.alarm, due);
            }
        }
    }

    pub(super) fn answer_keys(&mut self, keys: Vec<Question>, failure: Failure) {
        for Question {
            source, request, ..
        } in keys
        {
            self.answer(source, request, failure.condition());
        }
    }

    fn answer(
        &mut self,
        source: Key,
        request: VerifyRequest,
        condition: impl Into<DialbackCondition>,
    ) {
        let answer = request.answer(Verdict::error(condition.into()));
        self.steps.push_back(Step::Answer(source, answer));
    }
}
