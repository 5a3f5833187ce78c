"""Write the pages that are made from the code: python scripts/docs.py."""

from pathlib import Path

from surefoot.diagnosis.explaining import explanations, markdown

if __name__ == "__main__":
    path = Path(__file__).parents[1] / "docs" / "findings.md"
    path.write_text(markdown(explanations()), encoding="utf-8")
    print(f"Wrote {path}")
