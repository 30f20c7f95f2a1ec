"""Compares the layouts that a release recorded, its layouts.txt, with today's, by the rules of docs/versioning.md."""

import re

# Made by the host alone and passed by reference, or called by a plugin and not implemented by it: these may grow at their end.
GROWING = {"BackboneArguments", "ConditionArgs", "DecideArgs", "EditArgs", "Engine", "GivenAnswersArgs", "LossArgs", "Problem", "ScoreArgs",
           "Scorer", "VerbalizerFitArgs", "VerbalizerTarget", "Vocabulary", "Weights"}
# Whose versions cover a section: a tuner calls templates, verbalizers and backbones, and a verbalizer the backbone. Unless all of them have
# changed, there are plugins that are loaded and rely on the section.
READERS = {"backbone": {"backbone", "verbalizer", "tuner"}, "template": {"template", "tuner"}, "verbalizer": {"verbalizer", "tuner"},
           "tuner": {"tuner"}}


def parsed(text: str) -> tuple[dict, dict]:
    """The sections, each a dictionary from a struct to its size and places; and the versions in the sections' titles."""
    sections, versions = {}, {}
    for part in text.strip().split("\n\n"):
        title, *lines = part.splitlines()
        versioned = re.fullmatch(r"(plugin ABI|\w+) ([\d.]+)", title)
        section, version = versioned.groups() if versioned else (title, "")
        versions[section] = version
        structs = sections[section] = {}
        for line in lines:
            if line.startswith("  "):
                places.add(line.strip())
            else:
                struct, size = re.fullmatch(r"(.+): (\d+) bytes, aligned to \d+", line).groups()
                structs[struct] = int(size), (places := set())
    return sections, versions


def differences(recorded: str, current: str) -> list[str]:
    """What a plugin of the release finds elsewhere although the version that it was built for is today's."""
    (before, was), (now, versions) = parsed(recorded), parsed(current)
    if was["plugin ABI"].split(".")[0] != versions["plugin ABI"].split(".")[0]:
        return []  # no plugin of the release is loaded
    changed = {section for section in before if was[section] != versions.get(section)}
    found = []
    for section, structs in before.items():
        if section in READERS and READERS[section] <= changed:
            continue
        if section == "values" and changed & READERS.keys():  # which interfaces a value belongs to is for docs/versioning.md to say
            continue
        if section not in now:  # an extension, which a plugin looks up by its name
            continue
        for struct, (size, places) in structs.items():
            new_size, new_places = now[section].get(struct, (0, set()))
            may_grow = struct in GROWING or section in changed
            if not (places <= new_places and new_size >= size if may_grow else (places, size) == (new_places, new_size)):
                found.append(f"{struct} ({section}): {size} bytes with {sorted(places - new_places)} became {new_size} bytes with "
                             f"{sorted(new_places - places)} instead")
    return found


def prove(text: str) -> None:
    """That the comparison finds what it must and accepts what may change, on edited copies of today's layouts."""

    def with_versions(layouts: str, *kinds: str) -> str:
        return re.sub(rf"^({'|'.join(kinds)}) (\d+)$", r"\1 \g<2>9", layouts, flags=re.M)

    moved = re.sub(r"^  (\d+) project\(\)", lambda place: f"  {int(place[1]) + 1} project()", text, flags=re.M)
    assert differences(text, moved)
    assert differences(text, with_versions(moved, "backbone"))  # verbalizers and tuners call it, too
    assert not differences(text, with_versions(moved, "backbone", "verbalizer", "tuner"))
    for name, may_grow in (("Engine", True), ("Problem", True), ("Tuner", False), ("Conditioning", False)):
        shorter = re.sub(rf"^({name}: .*\n(?:  .*\n)*)  .*\n", r"\1", text, count=1, flags=re.M)
        assert shorter != text and differences(text, shorter), name
        assert bool(differences(shorter, text)) != may_grow, name
