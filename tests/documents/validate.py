"""Opens documents with strict readers: office documents are held against the rules of their container (every
part has a type, every relationship leads to a part, every reference has a relationship), PDFs are read in
strict mode. Prints what it found, a line each."""

import posixpath
import re
import sys
import warnings
import zipfile

import docx
import openpyxl
import pptx
import pypdf
from lxml import etree

CONTENT_TYPES = "{http://schemas.openxmlformats.org/package/2006/content-types}"


def check_container(path):
    archive = zipfile.ZipFile(path)
    assert archive.testzip() is None
    names = archive.namelist()
    assert len(names) == len(set(names)), "a member is there twice"
    types = etree.fromstring(archive.read("[Content_Types].xml"))
    parts = {item.get("PartName") for item in types.iter(CONTENT_TYPES + "Override")}
    extensions = {item.get("Extension").lower() for item in types.iter(CONTENT_TYPES + "Default")}
    for part in parts:
        assert part[1:] in names, part + " has a type and is not there"
    for name in names:
        if name.endswith("/") or name == "[Content_Types].xml":
            continue
        known = "/" + name in parts or name.rsplit(".", 1)[-1].lower() in extensions
        assert known, name + " has no type"
        if name.endswith((".xml", ".rels", ".vml")):
            etree.fromstring(archive.read(name))
        if name.endswith(".rels"):
            check_relationships(archive, names, name)


def check_relationships(archive, names, name):
    folder, file = posixpath.split(name)
    folder = posixpath.dirname(folder)
    source = posixpath.join(folder, file[: -len(".rels")])
    known = set()
    for item in etree.fromstring(archive.read(name)):
        assert item.get("Id") not in known, name + " has an id twice"
        known.add(item.get("Id"))
        if item.get("TargetMode") != "External":
            target = posixpath.normpath(posixpath.join("/" + folder, item.get("Target")))
            assert target[1:] in names, name + " leads to " + target
    if source in names:
        used = re.findall(r'\br:(?:id|embed|link)="([^"]+)"', archive.read(source).decode())
        assert set(used) <= known, (source, used, known)


def check_pdf(path):
    reader = pypdf.PdfReader(path, strict=True)
    assert reader.pages[0].extract_text() is not None
    for annotation in reader.pages[0].get("/Annots", []):
        action = annotation.get_object().get("/A")
        if action:
            print("link", action.get_object()["/URI"])
    action = reader.trailer["/Root"].get("/OpenAction")
    action = action.get_object() if action else None
    if isinstance(action, dict) and action.get("/S") == "/URI":
        print("open", action["/URI"])


def main():
    warnings.simplefilter("error")
    for path in sys.argv[1:]:
        kind = path.rsplit(".", 1)[-1]
        if kind == "pdf":
            check_pdf(path)
            continue
        check_container(path)
        if kind == "docx":
            document = docx.Document(path)
            assert document.paragraphs
            properties = document.core_properties
        elif kind == "xlsx":
            book = openpyxl.load_workbook(path)
            assert book.worksheets
            properties = book.properties
        else:
            deck = pptx.Presentation(path)
            assert len(deck.slides)
            properties = deck.core_properties
        if properties.modified:
            moment = properties.modified
            if moment.tzinfo is None:
                import datetime

                moment = moment.replace(tzinfo=datetime.timezone.utc)
            print("modified", int(moment.timestamp()))


main()
