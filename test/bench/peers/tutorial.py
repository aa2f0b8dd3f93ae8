# The tutorial's server in one file: Django, Django REST Framework, sessions in the database. Its wire is the one that
# Postern keeps. Run by gunicorn as `tutorial:application`; DATABASE names the SQLite file.

import os

import django
from django.conf import settings

settings.configure(
    SECRET_KEY="only-for-the-bench-and-for-nobody-else",
    DEBUG=False,
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF="tutorial",
    INSTALLED_APPS=[
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.sessions",
        "rest_framework",
    ],
    MIDDLEWARE=[
        "django.middleware.security.SecurityMiddleware",
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.common.CommonMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.middleware.clickjacking.XFrameOptionsMiddleware",
    ],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": os.environ["DATABASE"]}},
    DEFAULT_AUTO_FIELD="django.db.models.AutoField",
    REST_FRAMEWORK={"DEFAULT_AUTHENTICATION_CLASSES": ["rest_framework.authentication.SessionAuthentication"]},
)
django.setup()

from django.contrib.auth import authenticate, login
from django.contrib.auth.models import User
from django.core.wsgi import get_wsgi_application
from django.urls import path
from rest_framework import generics, permissions, serializers, status, views
from rest_framework.response import Response


class LoginSerializer(serializers.Serializer):
    username = serializers.CharField(write_only=True)
    password = serializers.CharField(trim_whitespace=False, write_only=True)

    def validate(self, attrs):
        user = authenticate(request=self.context.get("request"), **attrs)
        if not user:
            raise serializers.ValidationError("Access denied: wrong username or password.", code="authorization")
        attrs["user"] = user
        return attrs


class LoginView(views.APIView):
    permission_classes = (permissions.AllowAny,)

    def post(self, request):
        serializer = LoginSerializer(data=request.data, context={"request": request})
        serializer.is_valid(raise_exception=True)
        login(request, serializer.validated_data["user"])
        return Response(None, status=status.HTTP_202_ACCEPTED)


class ProfileSerializer(serializers.ModelSerializer):
    class Meta:
        model = User
        fields = ["username", "email", "first_name", "last_name"]


class ProfileView(generics.RetrieveAPIView):
    permission_classes = (permissions.IsAuthenticated,)
    serializer_class = ProfileSerializer

    def get_object(self):
        return self.request.user


urlpatterns = [path("login/", LoginView.as_view()), path("profile/", ProfileView.as_view())]

application = get_wsgi_application()


def prepare(username, email, password):
    """Creates the tables and the user: `python3 -c "import tutorial; tutorial.prepare(…)"`."""
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    User.objects.create_user(username, email, password)
