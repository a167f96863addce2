"""Services of the local cloud answer as the real ones did: the exchanges in `recorded`, played anew."""

import pytest
from tests.localcloud.recording import FOLDER, Place, exchanges

from kamado.localcloud import LocalCloud


@pytest.mark.parametrize("name", sorted(path.stem for path in FOLDER.glob("*.json")))
def test_the_answers_are_the_real_services(name: str) -> None:
    file = exchanges(name)
    different = []
    with LocalCloud(identity_port=0) as cloud:
        place = Place(cloud.auth_url, file["service"], {})
        for number, step in enumerate(file["exchanges"]):
            answer = place.ask(step)
            if answer != step["answer"]:
                asked = {key: value for key, value in step.items() if key != "answer"}
                different.append(f"{number} {asked}\n  real  {step['answer']}\n  local {answer}")
    assert not different, f"{len(different)} of {len(file['exchanges'])}\n" + "\n".join(different)
