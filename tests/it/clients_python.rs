//! The client for Python against the real server and against bad ones.

use crate::readers::capture;
use crate::readers::hostile;
use crate::readers::live;
use crate::readers::python::make;
use crate::readers::tour;

#[test]
fn the_python_client_gets_what_a_plain_connection_gets() {
    live::gets_the_same(make);
}

#[test]
fn the_python_client_misses_nothing_over_kills() {
    live::survives_kills(make);
}

#[test]
fn the_python_client_says_what_another_tape_lost() {
    live::says_what_another_tape_lost(make);
}

#[test]
fn the_python_client_misses_nothing_by_reading_late() {
    live::misses_nothing_by_reading_late(make);
}

#[test]
fn the_python_client_is_told_of_its_own_gaps() {
    live::is_told_of_its_own_gaps(make);
}

#[test]
fn the_python_client_renews_its_token() {
    live::renews_its_token(make);
}

#[test]
fn the_python_client_follows_more_and_less() {
    live::follows_more_and_less(make);
}

#[test]
fn the_python_client_begins_at_a_cursor_or_back() {
    live::begins_at_a_cursor_or_back(make);
}

#[test]
fn the_python_client_comes_back_when_it_is_asked_to() {
    live::comes_back_when_it_is_asked_to(make);
}

#[test]
fn the_python_client_plays_what_was() {
    tour::is_what_it_was(make);
}

#[test]
fn the_python_client_has_buttons_for_a_replay() {
    tour::has_buttons(make);
}

#[test]
fn the_python_client_plays_on_over_kills_and_into_what_is_live() {
    tour::survives_kills_and_goes_live(make);
}

#[test]
fn the_python_client_says_what_cannot_be_played() {
    tour::says_what_cannot_be_played(make);
}

#[test]
fn the_python_client_gets_a_recording_exactly() {
    capture::comes_exactly(make);
}

#[test]
fn the_python_client_survives_what_is_no_protocol() {
    hostile::is_no_protocol(make);
}

#[test]
fn the_python_client_survives_what_is_no_websocket() {
    hostile::is_no_websocket(make);
}

#[test]
fn the_python_client_asks_for_a_broken_stream_anew() {
    hostile::breaks_a_stream(make);
}

#[test]
fn the_python_client_leaves_a_server_that_breaks_streams_for_ever() {
    hostile::breaks_a_stream_for_ever(make);
}

#[test]
fn the_python_client_drops_repeats_and_strangers() {
    hostile::says_things_twice_or_of_nobody(make);
}

#[test]
fn the_python_client_answers_each_close_code() {
    hostile::closes(make);
}

#[test]
fn the_python_client_does_not_return_at_once_where_there_is_no_room() {
    hostile::has_no_room(make);
}

#[test]
fn the_python_client_gives_up_a_silent_connection() {
    hostile::falls_silent(make);
}

#[test]
fn the_python_client_asks_again_for_what_is_refused_for_now() {
    hostile::refuses(make);
}

#[test]
fn the_python_client_waits_for_a_server_that_is_not_there() {
    hostile::is_not_there(make);
}
