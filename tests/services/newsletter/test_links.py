"""What a subscriber does by the links in the mail, beside leaving: coming back, and changing a preference."""

from __future__ import annotations

from tests.services.newsletter.desk import ANNA

BROWSER = {"Accept": "text/html"}


def test_p21_who_left_and_changed_their_mind_confirms_anew(newsletter) -> None:
    """A button on the page of goodbye; a look does nothing, the old links stay used, the new mail's own link counts."""
    earlier = newsletter.subscribe()
    old = newsletter.link("confirm")
    goodbye = newsletter.unsubscribe().text
    newsletter.settle()
    again = newsletter.link("unsubscribe").replace("/unsubscribe/", "/again/")
    assert f'method="post" action="{again}?language=nl"' in goodbye
    newsletter.clock.forward(minutes=5)
    assert newsletter.client.get(again, headers=BROWSER).status_code == 200
    assert [row.state for row in newsletter.rows()] == ["ended"]
    asked, stranger = newsletter.client.post(again), newsletter.client.post("/newsletter/again/nonsense")
    assert (asked.status_code, asked.text) == (stranger.status_code, stranger.text) == (200, asked.text)
    newsletter.client.post(again)
    assert [(row.state, row.source) for row in newsletter.rows()][1:] == [("pending", "changed-mind")]
    assert len(newsletter.mails()) == 2
    assert newsletter.client.post(old).status_code == 410
    newsletter.settle()
    assert newsletter.members() == {ANNA: "unsubscribed"}
    assert newsletter.confirm().status_code == 200
    newsletter.settle()
    assert newsletter.members() == {ANNA: "active"}
    assert [row.state for row in newsletter.rows()] == ["confirmed"]
    assert newsletter.row(earlier.id) is None


def test_who_is_being_erased_is_not_brought_back_by_an_old_link(newsletter) -> None:
    """The erasure was decided; the link is still in a mailbox."""
    subscription = newsletter.subscribe()
    newsletter.unsubscribe()
    link = newsletter.link("unsubscribe")
    newsletter.settle()
    newsletter.decide("erasure", refs=[subscription.ref], records=[subscription.id])
    newsletter.installation.mover.move()
    newsletter.installation.apply()
    mails = len(newsletter.mails())
    again = link.replace("/unsubscribe/", "/again/")
    assert newsletter.client.post(again).status_code == 200
    assert [row.id for row in newsletter.rows()] == [subscription.id]
    newsletter.settle()
    assert newsletter.client.post(again).status_code == 200
    assert (newsletter.rows(), len(newsletter.mails())) == ([], mails)


def test_a_preference_is_changed_by_the_link_and_the_programme_is_told(either) -> None:
    """First name and language; an empty field changes nothing, a look neither, and nothing of what is kept is shown."""
    either.subscribe()
    link = either.link("preferences")
    page = either.client.get(link, headers=BROWSER)
    assert (page.status_code, "Anna" in page.text) == (200, False)
    done = either.client.post(link, data={"first_name": "Annelies", "language": ""}, headers=BROWSER)
    unknown = either.client.post("/newsletter/preferences/nonsense", data={"first_name": "x"}, headers=BROWSER)
    token = link.rpartition("/")[2]
    assert (done.status_code, done.text) == (200, unknown.text.replace("nonsense", token))
    wrong = either.client.post(link, data={"first_name": "x" * 61}, headers=BROWSER)
    assert (wrong.status_code, "x" * 61 in wrong.text) == (422, True)
    either.client.post(link, data={"language": "en"}, headers=BROWSER)
    either.settle()
    found = either.client.post(
        "/newsletter/v1/subscriptions/search", json={"email": ANNA}, headers=either.bearer("front-desk")
    )
    (shown,) = found.json["items"]
    assert (shown["first_name"], shown["language"], shown["state"]) == ("Annelies", "en", "confirmed")
    assert either.first_names() == ["Annelies"]


def test_a_new_first_name_does_not_bring_back_who_left_at_the_programme_a_moment_ago(newsletter) -> None:
    """We have not heard of it yet; a preference is no consent."""
    newsletter.subscribe()
    newsletter.stage.behave("laposta", "fail")
    newsletter.client.post(newsletter.link("preferences"), data={"first_name": "Annelies"}, headers=BROWSER)
    newsletter.settle()
    newsletter.stage.behave("laposta", "normal")
    newsletter.at_programme("unsubscribe", wait=False)
    newsletter.clock.forward(minutes=40)
    newsletter.worker().work()
    assert newsletter.members() == {ANNA: "unsubscribed"}
