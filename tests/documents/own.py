"""Writes an operator's own documents with libraries of other makers: python-docx, openpyxl, XlsxWriter (with a
table, a comment and a chart), python-pptx, and PDFs with and without object streams."""

import os
import sys

import docx
import openpyxl
import pptx
import pypdf
import xlsxwriter
from pypdf.annotations import Link
from pypdf.generic import Fit

place = sys.argv[1]


def at(name):
    return os.path.join(place, name)


document = docx.Document()
document.add_heading("Report")
document.add_paragraph("Some words.")
document.add_table(2, 2)
document.sections[0].header.paragraphs[0].text = "Head"
document.save(at("report.docx"))

book = openpyxl.Workbook()
book.active["A1"] = 1
book.active["A1"].hyperlink = "https://intranet.example.net/"
book.create_sheet("Second")
book.save(at("plain.xlsx"))

book = xlsxwriter.Workbook(at("chart.xlsx"))
sheet = book.add_worksheet()
sheet.write("A1", 3)
sheet.add_table("B3:D8")
sheet.write_comment("A1", "a remark")
chart = book.add_chart({"type": "line"})
chart.add_series({"values": "=Sheet1!$A$1:$A$1"})
sheet.insert_chart("F2", chart)
book.close()

book = xlsxwriter.Workbook(at("table.xlsx"))
sheet = book.add_worksheet()
sheet.write("A1", 3)
sheet.add_table("B3:D8")
sheet.write_comment("A1", "a remark")
book.close()

deck = pptx.Presentation()
slide = deck.slides.add_slide(deck.slide_layouts[0])
slide.shapes.title.text = "Report"
deck.slides.add_slide(deck.slide_layouts[1])
deck.save(at("deck.pptx"))

writer = pypdf.PdfWriter()
writer.add_blank_page(width=595, height=842)
writer.add_blank_page(width=595, height=842)
writer.write(at("plain.pdf"))
link = Link(rect=(50, 50, 90, 90), target_page_index=1, fit=Fit.fit())
writer.add_annotation(page_number=0, annotation=link)
writer.write(at("linked.pdf"))

import pikepdf

with pikepdf.open(at("plain.pdf")) as packed:
    packed.save(at("packed.pdf"), object_stream_mode=pikepdf.ObjectStreamMode.generate)
