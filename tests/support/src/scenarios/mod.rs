//! Sessions between a client and a server over real sockets and real TLS, on the loopback
//! interface. Each is written once and run by both adapters; what only one adapter can do stays
//! with its own tests.

pub mod alive;
pub mod ask;
pub mod component;
pub mod credentials;
pub mod deadlines;
pub mod ends;
pub mod errors;
pub mod external;
pub mod federation;
pub mod handles;
pub mod identity;
pub mod injection;
pub mod load;
pub mod login;
pub mod pressure;
pub mod reconnect;
pub mod redirect;
pub mod refused;
pub mod requests;
pub mod resume;
pub mod scram;
pub mod srv;
pub mod tcp;
pub mod tokens;
pub mod wishes;

/// Makes a test of every scenario, for this [`Adapter`](crate::adapter::Adapter). This is the list
/// of all scenarios.
#[macro_export]
macro_rules! scenarios {
    ($adapter:ty) => {
        $crate::scenarios! { $adapter;
            ask:
                an_answer_counts_only_from_the_entity_that_was_asked,
                a_refusal_says_why,
                an_answer_after_the_time_out_is_dropped,
                the_end_of_the_stream_ends_the_wait,
                an_iq_that_is_no_request_is_not_sent,
                stanzas_that_do_not_fit_beside_a_request_have_to_be_taken_first;
            component:
                it_attaches_again_after_its_connection_was_cut,
                a_wrong_secret_is_not_tried_again,
                direct_tls_protects_the_stream,
                requests_are_matched_by_id_and_sender,
                a_request_that_is_not_answered_ends_in_time,
                what_arrives_while_it_closes_is_not_lost;
            credentials:
                wrong_passwords_and_unknown_users_are_refused_alike,
                a_reconnecting_client_gives_up,
                addresses_without_an_account_are_refused_at_once;
            deadlines:
                a_silent_server_is_given_up,
                connecting_ends_when_its_time_is_over,
                a_silent_client_is_given_up,
                a_handshake_that_never_ends_is_given_up,
                a_peer_that_reads_nothing_does_not_keep_the_connection,
                a_bound_stream_that_falls_silent_is_given_up_where_the_limits_say_so,
                a_close_that_the_server_never_confirms_ends;
            ends:
                a_client_closes_in_order_and_what_it_sent_arrives,
                a_server_closes_in_order,
                a_cut_connection_is_no_orderly_end,
                an_end_of_input_without_a_closing_tag_is_no_orderly_end,
                a_client_that_vanishes_is_noticed,
                a_stream_error_arrives_with_its_condition,
                the_stream_error_reaches_a_client_that_is_sending,
                the_next_server_is_tried_where_one_is_down,
                bytes_that_are_no_tls_end_a_session;
            errors:
                a_refused_password_is_called_so,
                a_refused_certificate_says_what_to_change,
                a_port_of_the_other_mode_is_named,
                a_server_that_cannot_be_reached_is_told_apart,
                a_lost_session_says_how,
                what_the_server_lacks_says_which_setting_matters;
            external:
                a_certificate_is_enough,
                a_certificate_of_another_account_is_refused,
                a_refused_certificate_leads_to_the_password,
                a_constrained_authority_names_no_account,
                a_certificate_that_was_not_sent_does_not_count,
                an_anonymous_login_gets_an_account;
            federation:
                certificates_authorise_servers,
                dialback_authorises_servers_that_show_no_certificate,
                dialback_authorises_servers_with_unverified_certificates,
                dialback_works_in_clear_text_where_the_policy_allows_it,
                dialback_is_refused_where_the_policy_wants_a_certificate,
                a_key_of_a_strict_domain_is_refused_under_another_header,
                a_server_with_a_foreign_certificate_gets_nothing,
                what_cannot_be_delivered_in_time_comes_back_and_the_end_is_seen,
                a_stanza_that_cannot_be_written_holds_nothing_up,
                streams_are_closed_in_order_at_the_end,
                what_waits_for_a_server_is_sent_when_it_is_there,
                records_lead_to_the_other_server,
                a_domain_without_the_service_gets_nothing,
                an_answer_comes_back_over_a_stream_in_both_directions,
                one_stream_carries_several_domains_of_both_sides,
                each_domain_shows_its_own_certificate,
                a_server_that_moved_a_domain_is_followed,
                a_server_of_before_rfc_3920_is_served,
                connections_of_one_address_are_limited;
            identity:
                a_certificate_of_another_name_is_refused,
                a_certificate_of_another_authority_is_refused,
                an_expired_certificate_is_refused,
                the_next_server_is_tried_where_one_cannot_prove_its_identity,
                a_client_sends_its_certificate;
            injection:
                a_client_refuses_clear_text_after_proceed,
                clear_text_during_the_handshake_is_no_tls,
                a_server_refuses_clear_text_after_starttls;
            load:
                an_echo_of_ten_megabytes,
                ten_megabytes_each_way,
                a_flush_does_not_wait_for_a_peer_that_waits;
            login:
                by_starttls,
                by_direct_tls,
                by_tls_1_2_with_channel_binding,
                a_server_chooses_its_certificate_by_the_domain,
                a_server_without_tls_cannot_offer_it;
            pressure:
                a_client_that_sends_fast_keeps_its_stream,
                a_client_that_only_sends_is_told_to_take_what_arrives,
                a_server_that_never_acknowledges_is_given_up;
            reconnect:
                a_client_comes_back_after_a_shutdown,
                a_client_does_not_come_back_after_a_conflict,
                a_server_that_is_down_is_tried_again,
                attempts_end_at_their_limit,
                a_session_that_is_redirected_goes_there,
                the_reason_is_told_where_a_send_finds_the_session_lost,
                a_wrong_certificate_does_not_end_a_client_that_had_a_session,
                the_wait_for_the_next_attempt_can_be_cut_short;
            redirect:
                it_is_followed_to_an_address_of_either_kind,
                a_host_without_proof_is_refused,
                it_is_not_followed_without_tls,
                it_is_not_followed_in_clear_text,
                circles_end,
                without_a_port_the_host_is_looked_up;
            refused:
                a_malformed_stanza_is_told_and_the_session_goes_on,
                a_malformed_stanza_is_told_where_the_session_ends_after_it;
            requests:
                a_client_that_waits_for_an_answer_answers_others,
                a_request_that_is_not_claimed_is_refused,
                all_requests_can_be_claimed,
                the_profile_is_told_to_those_who_see_the_presence,
                a_profile_can_be_switched_off;
            resume:
                a_session_continues_after_its_connection_was_cut,
                a_stanza_is_acknowledged_over_a_cut,
                a_server_that_forgot_the_session_gives_its_stanzas_back_once,
                a_suspended_session_is_stored_and_resumed,
                without_management_nothing_is_acknowledged,
                a_request_is_answered_over_a_cut,
                a_request_of_a_session_that_is_over_fails,
                a_request_ends_in_time_while_the_client_connects,
                a_session_is_resumed_where_its_server_wants_it,
                a_session_is_resumed_elsewhere_where_that_fails,
                closing_gives_back_what_is_not_acknowledged,
                closing_a_handle_gives_back_what_is_not_acknowledged,
                the_receiver_is_told_what_is_not_acknowledged_at_the_close;
            scram:
                each_mechanism_logs_in_over_tls,
                many_iterations_are_computed;
            srv:
                records_lead_to_the_server,
                both_kinds_of_records_are_one_list,
                a_long_answer_is_fetched_over_tcp,
                a_forged_answer_does_not_keep_the_right_one_out,
                the_target_dot_means_no_service,
                without_records_the_domain_itself_is_the_server,
                without_an_answer_the_domain_itself_is_the_server_too;
            tcp:
                a_client_uses_one_connection_and_closes_it,
                a_server_uses_the_connection_that_it_accepted_and_closes_it;
            tokens:
                a_token_saves_a_round_trip,
                a_new_token_is_used_next,
                a_refused_token_leads_to_the_password,
                without_a_password_a_refused_token_ends_the_attempts,
                a_token_is_invalidated_at_the_logout,
                a_token_never_goes_without_tls;
            wishes:
                each_new_session_gets_what_was_wanted,
                the_state_is_told_again_after_a_resumption,
                a_refusal_is_told,
                carbons_can_be_a_part_of_the_login;
        }
        // For clients and for components.
        $crate::scenarios! { each role with $adapter;
            alive:
                a_server_that_hangs_is_given_up,
                a_server_that_is_only_silent_is_kept,
                a_client_checks_its_server_when_it_is_told_to,
                a_session_that_a_new_network_has_killed_is_replaced_at_once,
                a_session_can_be_dropped,
                a_handle_tells_of_a_new_network;
            handles:
                several_threads_ask_at_once,
                claimed_requests_are_answered_while_others_wait,
                the_last_handle_closes_the_stream,
                a_receiver_alone_keeps_the_stream,
                closing_waits_for_the_end,
                the_end_of_the_stream_ends_every_wait,
                a_handle_serves_the_sessions_of_a_client_that_reconnects,
                a_client_that_waits_for_the_next_attempt_can_be_closed,
                an_attempt_to_connect_can_be_closed;
        }
    };
    (each role with $adapter:ty; $($module:ident: $($name:ident),+;)+) => {
        $(
            mod $module {
                mod client {
                    $crate::scenarios! { $adapter, xmppwire::Client, $module: $($name),+ }
                }
                mod component {
                    $crate::scenarios! { $adapter, xmppwire::component::Component, $module: $($name),+ }
                }
            }
        )+
    };
    ($adapter:ty, $role:ty, $module:ident: $($name:ident),+) => {
        $(
            #[test]
            fn $name() {
                $crate::within($crate::scenarios::$module::$name::<$adapter, $role>);
            }
        )+
    };
    ($adapter:ty; $($module:ident: $($name:ident),+;)+) => {
        $(
            mod $module {
                $(
                    #[test]
                    fn $name() {
                        $crate::within($crate::scenarios::$module::$name::<$adapter>);
                    }
                )+
            }
        )+
    };
}
