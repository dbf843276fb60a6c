from dataclasses import replace

from schema.topics import Topics, TopicSpec, TopicState, differences, message_key

CHANGES, STATE, _ = Topics().wanted(replicas=3)


def as_wanted(spec: TopicSpec) -> TopicState:
    return TopicState(name=spec.name, partitions=spec.partitions, replicas=spec.replicas, settings=spec.settings)


def told(spec: TopicSpec, state: TopicState | None) -> str:
    return " ".join(one.sentence for one in differences(spec, state) if one.fatal)


def test_names_carry_prefix_and_generation() -> None:
    topics = Topics(prefix="lapse-", generation=2)
    assert (topics.changes, topics.state) == ("lapse-changes.2", "lapse-state.2")


def test_the_key_is_the_object_whoever_lives_under_its_name() -> None:
    assert message_key("uid-1", "deployments.apps", "shop", "web") == b"uid-1|deployments.apps|shop/web"


def test_a_topic_as_it_should_be_differs_in_nothing() -> None:
    assert not [one for spec in Topics().wanted() for one in differences(spec, as_wanted(spec))]


def test_a_missing_topic_is_said_with_what_makes_it() -> None:
    assert "kubelapse migrate" in told(CHANGES, None)


def test_other_partitions_are_refused() -> None:
    assert "has 3 partitions, not 6" in told(CHANGES, replace(as_wanted(CHANGES), partitions=3))


def test_a_state_topic_that_is_not_compacted_would_forget() -> None:
    kept = replace(as_wanted(STATE), settings={**STATE.settings, "cleanup.policy": "delete"})
    assert "is not compacted" in told(STATE, kept)


def test_a_log_that_is_compacted_would_lose_history() -> None:
    compacted = replace(as_wanted(CHANGES), settings={**CHANGES.settings, "cleanup.policy": "compact"})
    assert "is compacted" in told(CHANGES, compacted)


def test_fewer_replicas_than_must_be_in_sync_take_no_write() -> None:
    assert "too few replicas (1)" in told(CHANGES, replace(as_wanted(CHANGES), replicas=1))


def test_fewer_replicas_than_wished_for_are_only_told() -> None:
    [one] = differences(CHANGES, replace(as_wanted(CHANGES), replicas=2))
    assert not one.fatal


def test_a_topic_that_takes_only_small_messages_is_refused() -> None:
    small = replace(as_wanted(CHANGES), settings={**CHANGES.settings, "max.message.bytes": "1048588"})
    assert "1,048,588" in told(CHANGES, small)
